"""The bars of the barometer over several simulated markets: each figure, its bar, and whether it is met."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from millibar.pressure.bars.market import play_market
from millibar.pressure.bars.signals import SignalBars, score_signals, summarise
from millibar.pressure.bars.states import StateBars, score_states
from millibar.pressure.parameters import ToleranceParameters
from millibar.pressure.states import StateParameters
from millibar.simulation.parameters import MarketParameters

Compare = Callable[[float, float], bool]


@dataclass(frozen=True)
class Bar:
    """A figure and what it must reach; ``least``: at least (else at most)."""

    name: str
    told: str
    bar: float
    least: bool = True

    def is_met(self, value: float) -> bool:
        compare: Compare = operator.ge if self.least else operator.le
        return bool(np.isfinite(value) and compare(value, self.bar))


BARS = (
    Bar("kappa", "state: weighted kappa", 0.60),
    Bar("auc", "over: AUC", 0.86),
    Bar("top_tenth", "over: precision in the top tenth", 0.87),
    Bar("precision_over", "over: precision of the state", 0.70),
    Bar("recall_under", "under: recall", 0.50),
    Bar("auc_independent", "over: AUC, tolerance independent of engagement", 0.835),
    Bar("incident_recall", "patterns found within 14 days", 0.85),
    Bar("median_delay", "median delay, days", 8.0, least=False),
    Bar("false_alarms", "false alarms per 100 series-years", 10.0, least=False),
    Bar("outlier_alarms", "one-day outliers that raise an alert", 0.01, least=False),
)


@dataclass(frozen=True)
class MarketBars:
    """Everything measured on one market."""

    seed: int
    states: StateBars
    independent: StateBars | None
    signals: SignalBars

    def figures(self) -> dict[str, float]:
        """Value of each bar; nan where it was not measured."""
        states, signals = self.states.told(), self.signals
        return {name: states[name] for name in ("kappa", "auc", "top_tenth", "precision_over", "recall_under")} | {
            "auc_independent": self.independent.auc if self.independent else float("nan"),
            "incident_recall": signals.recall,
            "median_delay": signals.median_delay,
            "false_alarms": signals.false_alarms,
            "outlier_alarms": signals.outlier_alarms,
        }


def measure(parameters: MarketParameters, profiles: pd.DataFrame, independent: bool = True) -> MarketBars:
    """Play the market of ``parameters`` and score states and signals.

    ``independent``: also play the one whose tolerance does not depend on engagement, for its AUC.
    """
    market = play_market(parameters)
    states = score_states(market, profiles, ToleranceParameters(), StateParameters())
    signals = score_signals(market)
    other = None
    if independent:
        people = replace(parameters.people, tolerance_by_engagement=0.0)
        unrelated = play_market(replace(parameters, people=people))
        other = score_states(unrelated, profiles, ToleranceParameters(), StateParameters())
    return MarketBars(parameters.seed, states, other, signals)


def pooled(markets: list[MarketBars]) -> dict[str, float]:
    """The figures over all markets: of signals the counts are pooled, of states the means are taken."""
    figures = pd.DataFrame([market.figures() for market in markets])
    signals = together(markets)
    return {str(name): float(value) for name, value in figures.mean().items()} | {
        "incident_recall": signals.recall,
        "median_delay": signals.median_delay,
        "false_alarms": signals.false_alarms,
        "outlier_alarms": signals.outlier_alarms,
    }


def together(markets: list[MarketBars]) -> SignalBars:
    """The bars of the signals over the incidents and series of all markets."""
    told = [market.signals for market in markets]
    return summarise(
        *(
            pd.concat([getattr(bars, name) for bars in told], ignore_index=True)
            for name in ("incidents", "by_sign", "wrong")
        )
    )


def lines(markets: list[MarketBars]) -> Iterator[str]:
    """The report: a row a bar, a column a market."""
    values_of_all, each = pooled(markets), [market.figures() for market in markets]
    yield f"{'':<50}" + "".join(f"{'seed ' + str(m.seed):>10}" for m in markets) + f"{'all':>10}{'bar':>9}"
    for bar in BARS:
        values = "".join(f"{figures[bar.name]:>10.3f}" for figures in each)
        word = "met" if bar.is_met(values_of_all[bar.name]) else "NOT met"
        limit = f"{'>=' if bar.least else '<='} {bar.bar:g}"
        yield f"{bar.told:<50}{values}{values_of_all[bar.name]:>10.3f}{limit:>9}  {word}"
    yield ""
    signals = together(markets)
    yield "kind of fault: patterns found / patterns, median delay; one-day outliers that raised an alarm"
    for row in signals.by_kind.fillna(0).to_dict("records"):
        text = f"{row['found']:.0f} / {row['patterns']:.0f}, {row['median_delay']:.0f} d" if row["patterns"] else "-"
        more = f"; {row['outlier_alarms']:.0f} of {row['outliers']:.0f}" if row["outliers"] else ""
        yield f"  {row['kind']:<20} {text}{more}"
    yield "false alarms by sign, per 100 series-years"
    for row in signals.by_sign.to_dict("records"):
        yield f"  {row['sign']:<24} {row['per_100_series_years']:6.1f}"


def as_json(markets: list[MarketBars]) -> dict[str, Any]:
    """The same for a file: pooled figures, each market's, and the single incidents."""
    values = pooled(markets)
    return {
        "bars": [
            {
                "name": bar.name,
                "told": bar.told,
                "bar": bar.bar,
                "value": values[bar.name],
                "met": bar.is_met(values[bar.name]),
            }
            for bar in BARS
        ],
        "markets": [
            {
                "seed": market.seed,
                "figures": market.figures(),
                "states": market.states.told(),
                "incidents": market.signals.incidents.to_dict("records"),
                "false_alarms": market.signals.wrong.to_dict("records"),
            }
            for market in markets
        ],
    }
