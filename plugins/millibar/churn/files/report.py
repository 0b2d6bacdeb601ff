"""What `millibar churn` tells: lines for a terminal, the same as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from millibar.churn.files.score import Churn, Holdout
from millibar.churn.purchase import PurchaseFit, ValueFit
from millibar.plain_json import plain
from millibar.plain_table import aligned

BANDS = ("low", "medium", "high", "lost")


def as_json(found: Churn) -> Any:
    """The report as plain values; a number that is unknown is null."""
    return plain(
        {
            "inputs": found.inputs,
            "cut": str(found.cut),
            "horizon_days": found.horizon_days,
            "basis": found.basis,
            "parameters": {
                found.rhythm.model: asdict(found.rhythm),
                "gamma_gamma": asdict(found.value),
            },
            "log_likelihoods": found.rhythms,
            "risk": found.risk,
            "holdout": None if found.holdout is None else _holdout_json(found.holdout),
            "bands": {band: int((found.scores["band"] == band).sum()) for band in BANDS},
            "warnings": found.warnings,
            "seconds": {name: round(seconds, 3) for name, seconds in found.seconds.items()},
        }
    )


def lines(found: Churn) -> list[str]:
    """Totals, parameters with intervals, the measure on the holdout with its calibration, bands."""
    inputs = found.inputs
    told = [
        f"{inputs['file']}: {inputs['rows']:,} rows, {inputs['customers']:,} customers, {inputs['purchase_days']:,} "
        f"purchase days, {inputs['first_day']} to {inputs['last_day']}",
        f"value {inputs['value']:,.2f}" + (f", returned {inputs['returned']:,.2f}" if inputs["returned"] else ""),
        f"{inputs['scored']:,} customers scored as of {found.cut}, for the {found.horizon_days} days after it; "
        f"p_active: {found.basis}",
        "",
        *_fit_lines(found.rhythm, found.rhythms),
        "",
        *_value_lines(found.value),
    ]
    if found.holdout is not None:
        told += ["", *_holdout_lines(found.holdout, found.horizon_days)]
    return [*told, "", *_band_lines(found)]


def _fit_lines(fit: PurchaseFit, likelihoods: dict[str, float]) -> list[str]:
    if not fit.fitted:
        return [f"{fit.model}: not fitted, the published fit of a typical shop", *_parameter_lines(fit)]
    against = [f"{name} {value:,.1f}" for name, value in likelihoods.items()]
    return [
        f"{fit.model}, days, log likelihood {fit.log_likelihood:,.1f} (compared: {', '.join(against)})",
        *_parameter_lines(fit),
    ]


def _value_lines(fit: ValueFit) -> list[str]:
    if not fit.fitted:
        return [f"gamma_gamma: not fitted; an order is worth {fit.mean:,.2f}"]
    return [f"gamma_gamma, {fit.customers:,.0f} customers, mean order {fit.mean:,.2f}", *_parameter_lines(fit)]


def _parameter_lines(fit: PurchaseFit | ValueFit) -> list[str]:
    return aligned(
        {
            "parameter": list(fit.values),
            "value": [f"{value:,.4f}" for value in fit.values.values()],
            "95 % interval": [
                f"{fit.low[name]:,.4f} - {fit.high[name]:,.4f}" if math.isfinite(fit.low[name]) else "not settled"
                for name in fit.values
            ],
        }
    )


def _holdout_lines(holdout: Holdout, horizon_days: int) -> list[str]:
    risk, alone = holdout.risk, holdout.purchase_model
    rankings = (risk.ranking, alone.ranking, risk.baseline)
    table = {
        "scored by": ["p_active", "mbg_nbd alone", "days since the last order"],
        "AUC": [_number(ranking.auc) for ranking in rankings],
        "95 % interval": [_range(ranking.low, ranking.high) for ranking in rankings],
        "ECE": [_number(risk.ece), _number(alone.ece), ""],
        "Brier": [_number(risk.brier), _number(alone.brier), ""],
        "lift": [_number(lift, 3) for lift in (risk.lift, alone.lift, risk.baseline_lift)],
    }
    return [
        f"holdout: the {horizon_days} days after {holdout.cut}, scored as of that day; {risk.customers:,} customers, "
        f"{risk.observed_share:.1%} ordered, {risk.predicted_share:.1%} predicted",
        *aligned(table),
        "  lift: share of the inactive in the tenth most at risk, over that of all",
        "",
        "calibration of p_active, by tenths of customers",
        *aligned(
            {
                "customers": [f"{part.customers:,}" for part in risk.bins],
                "predicted": [f"{part.predicted:.3f}" for part in risk.bins],
                "observed": [f"{part.observed:.3f}" for part in risk.bins],
                "95 % interval": [f"{part.observed_low:.3f} - {part.observed_high:.3f}" for part in risk.bins],
            }
        ),
    ]


def _band_lines(found: Churn) -> list[str]:
    groups = [found.scores[found.scores["band"] == band] for band in BANDS]
    return aligned(
        {
            "band": list(BANDS),
            "customers": [f"{len(rows):,}" for rows in groups],
            "p_active": [f"{rows['p_active'].mean():.3f}" if len(rows) else "" for rows in groups],
            "expected value": [f"{rows['expected_value'].sum():,.2f}" for rows in groups],
        }
    )


def _holdout_json(holdout: Holdout) -> dict[str, Any]:
    return {
        "cut": str(holdout.cut),
        "p_active": holdout.risk.told(),
        "mbg_nbd": holdout.purchase_model.told(),
    }


def _number(value: float, places: int = 4) -> str:
    return f"{value:.{places}f}" if math.isfinite(value) else "unknown"


def _range(low: float, high: float) -> str:
    return f"{low:.4f} - {high:.4f}" if math.isfinite(low) else ""
