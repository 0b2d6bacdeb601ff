"""The sheet of a day: all signs judged, ranked by q and severity, each with verdict, causes and action."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from millibar.pressure.detection import DetectionParameters, Thresholds
from millibar.pressure.signals.arrays import Floats
from millibar.pressure.signals.causes import Driver, largest, ranked, rate_drivers, series_drivers
from millibar.pressure.signals.company import company_findings
from millibar.pressure.signals.company.trend import Finding
from millibar.pressure.signals.customers import judge, sign_series
from millibar.pressure.signals.inputs import ALL, SalesInputs, SignalInputs, SignalSheet, day_of
from millibar.pressure.signals.parameters import SeasonParameters, SignParameters
from millibar.pressure.signals.returns import REASON
from millibar.pressure.signals.sales import SALES_PART, sales_parts, weigh_sales
from millibar.pressure.signals.season import Season, fit_season
from millibar.pressure.signals.shift import weigh_shift
from millibar.pressure.signals.signs import SIGN_OF, action_code
from millibar.pressure.signals.wording import cause_text, explained_text, shift_text

SIGNAL_COLUMNS = [
    "sign", "channel", "segment", "judged_on", "observed", "expected", "baseline", "exposure", "effect", "p_value",
    "q_value", "probability_real", "customers", "value_at_risk", "severity", "severity_level", "verdict", "alert",
    "incident", "shifted_to", "since", "detector", "statistic", "threshold", "false_alarms_per_100_series_years",
    "cause", "action_code",
]  # fmt: skip
DRIVER_COLUMNS = ["sign", "channel", "segment", "rank", "kind", "driver", "contribution", "share", "detail"]
KEY = ["sign", "channel", "segment"]
WEIGHED_ELSEWHERE = ("open_rate_falls", "click_rate_falls")
WITH_ACTION = ("alert", "trend")
WITHOUT_ANOTHER_WORD = "nothing"


def find_signals(
    inputs: SignalInputs,
    last_day: date | pd.Timestamp,
    parameters: SignParameters,
    detection: DetectionParameters,
    thresholds: Thresholds,
    season: SeasonParameters | None = None,
) -> SignalSheet:
    """Judge every sign on ``last_day``; one row a sign x channel x segment that could be judged.

    observed, expected, baseline: per unit of exposure over the recent days (contact, comment, order due, day; a share
    for the company's signs); baseline is the expectation without the season. effect: observed / expected - 1. q:
    Benjamini-Hochberg over the day's rows. probability_real = 1 - q. severity = probability_real x customers x
    value_at_risk, in the reporting currency. A sign whose feed is missing or too young is not in the sheet.
    """
    day = day_of(last_day)
    fitted = fit_season(_all_orders(inputs.sales, day), inputs.sales.calendar, season or SeasonParameters())
    watched = sign_series(inputs, day, detection.history_days, parameters, fitted)
    judged = judge(watched, detection, thresholds, parameters)
    judged["shifted_to"] = pd.Series(None, index=judged.index, dtype=object)
    sales = judged["sign"] == "sales_fall"
    if sales.any():
        weighed = weigh_sales(judged[sales], fitted, inputs.sales.base, day, detection, parameters)
        judged.loc[sales, weighed.columns] = weighed
    judged = _weigh_elsewhere(judged, inputs, day, detection, parameters)
    judged, sheets = _causes(judged, inputs, fitted, day, detection, parameters)
    findings = company_findings(inputs, day, parameters)
    company = [_company_row(finding, day) for finding in findings]
    sheets += [(finding.sign, finding.channel, finding.segment, finding.drivers, finding.gap) for finding in findings
               if finding.verdict != WITHOUT_ANOTHER_WORD]  # fmt: skip
    if company:
        made = pd.DataFrame(company)
        judged = pd.concat([judged, made], ignore_index=True) if len(judged) else made
    return SignalSheet(_signals(judged, parameters), _driver_table(sheets))


def benjamini_hochberg(p_values: Floats) -> Floats:
    """q-values: the smallest false discovery rate at which each hypothesis is rejected."""
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * count / np.arange(1, count + 1)
    q_values = np.empty(count)
    q_values[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q_values


def _all_orders(sales: SalesInputs, last_day: pd.Timestamp) -> pd.DataFrame:
    daily = sales.daily[sales.daily["channel"] == ALL]
    return daily[pd.to_datetime(daily["day"]) <= last_day][["day", "orders"]]


def _weigh_elsewhere(
    judged: pd.DataFrame,
    inputs: SignalInputs,
    day: pd.Timestamp,
    detection: DetectionParameters,
    parameters: SignParameters,
) -> pd.DataFrame:
    """Alerts of opens and clicks become ``shifted`` where the same customers answer elsewhere instead.

    Falls over all channels together are not weighed: there is no elsewhere.
    """
    if inputs.cohort is None or judged.empty:
        return judged
    weighed = judged["sign"].isin(WEIGHED_ELSEWHERE) & (judged["verdict"] == "alert") & (judged["channel"] != ALL)
    known: dict[tuple[str, str], pd.DataFrame | None] = {}
    for place in judged.index[weighed]:
        channel, segment = str(judged.at[place, "channel"]), str(judged.at[place, "segment"])
        if (channel, segment) not in known:
            known[channel, segment] = inputs.cohort(channel, segment)
        cohort = known[channel, segment]
        if cohort is None or cohort.empty:
            continue
        since = int(judged["since_days"].loc[place])
        shift = weigh_shift(
            cohort, channel, day, since, detection.baseline_days, detection.baseline_lag_days, parameters
        )
        if shift.is_shifted:
            judged.at[place, "verdict"], judged.at[place, "shifted_to"] = "shifted", shift.shifted_to
        judged.at[place, "note"] = shift_text(shift)
    return judged


Sheet = tuple[str, str, str, list[Driver], float]


def _causes(
    judged: pd.DataFrame,
    inputs: SignalInputs,
    season: Season,
    day: pd.Timestamp,
    detection: DetectionParameters,
    parameters: SignParameters,
) -> tuple[pd.DataFrame, list[Sheet]]:
    sheets: list[Sheet] = []
    judged["cause"] = pd.Series(None, index=judged.index, dtype=object)
    for place in judged.index[judged["verdict"] != WITHOUT_ANOTHER_WORD]:
        row = judged.loc[place]
        sign, gap = SIGN_OF[row["sign"]], float(row["gap"])
        drivers = _drivers(row, judged, inputs, parameters)
        revenue: list[Driver] = []
        if sign.name == "sales_fall" and row["segment"] == ALL:
            revenue = sales_parts(inputs.sales, season, day, detection, str(row["channel"]))
        chief = _chief(sign.name, str(row["channel"]), drivers, revenue, gap)
        days = detection.recent_days
        if row["verdict"] == "expected":
            usual = row["observed"], row["baseline"], row["expected"]
            judged.at[place, "cause"] = explained_text(sign, *usual, row["note"], days)
        else:
            judged.at[place, "cause"] = cause_text(
                sign, row["observed"], row["expected"], gap, chief, row["note"], days
            )
        key = (sign.name, str(row["channel"]), str(row["segment"]))
        sheets += [(*key, drivers, gap)] if drivers else []
        sheets += [(*key, revenue, sum(part.contribution for part in revenue))] if revenue else []
    return judged, sheets


def _chief(sign: str, channel: str, drivers: list[Driver], revenue: list[Driver], gap: float) -> Driver | None:
    if sign == "sales_fall" and revenue:
        total = sum(part.contribution for part in revenue)
        return largest(revenue, total or gap, (SALES_PART,))
    return largest(drivers, gap, ("channel",) if channel == ALL else ("campaign", "reason", "theme"))


def _drivers(row: pd.Series, judged: pd.DataFrame, inputs: SignalInputs, parameters: SignParameters) -> list[Driver]:
    """All partitions of a gap: campaigns and the like for rates, channels, segments and reasons from their own rows."""
    sign, channel, segment, gap = SIGN_OF[row["sign"]], row["channel"], row["segment"], float(row["gap"])
    found = []
    if sign.is_rate and (segment == ALL or segment.startswith("device:")):  # campaigns know no other segments
        found = rate_drivers(inputs.campaigns, sign, channel, segment, gap, parameters.drivers, parameters.prior_events)
    same = judged[(judged["sign"] == sign.name)][["channel", "segment", "gap", "observed_count", "expected_count"]]
    if channel == ALL:
        parts = same[(same["segment"] == segment) & (same["channel"] != ALL)]
        found += series_drivers(parts.assign(part=parts["channel"]), "channel", gap, parameters.drivers)
    if segment == ALL:
        parts = same[(same["channel"] == channel) & same["segment"].str.contains(":", regex=False)]
        families = parts["segment"].str.split(":", n=1)
        parts = parts.assign(family=families.str[0], part=families.str[1])
        for family, members in parts.groupby("family"):
            if family != "device" or not sign.is_rate:  # campaigns' own counts tell devices apart already
                kind = REASON.rstrip(":") if family == REASON.rstrip(":") else str(family)
                found += series_drivers(members, kind, gap, parameters.drivers)
    return found


def _company_row(finding: Finding, day: pd.Timestamp) -> dict[str, object]:
    return {
        "sign": finding.sign,
        "channel": finding.channel,
        "segment": finding.segment,
        "judged_on": day.date(),
        "observed": finding.observed,
        "expected": finding.expected,
        "baseline": finding.expected,
        "exposure": finding.exposure,
        "effect": finding.observed / finding.expected - 1.0 if finding.expected > 0 else None,
        "p_value": finding.p_value,
        "verdict": finding.verdict,
        "severity_level": "normal",
        "since": None,
        "detector": finding.detector,
        "statistic": finding.statistic,
        "threshold": finding.threshold,
        "false_alarms_per_100_series_years": None,
        "customers": finding.customers,
        "shifted_to": None,
        "cause": finding.cause if finding.verdict != WITHOUT_ANOTHER_WORD else None,
    }


def _signals(judged: pd.DataFrame, parameters: SignParameters) -> pd.DataFrame:
    if judged.empty:
        return pd.DataFrame(columns=SIGNAL_COLUMNS)
    table = judged.copy()
    table["q_value"] = benjamini_hochberg(table["p_value"].to_numpy(dtype=float))
    table["probability_real"] = 1.0 - table["q_value"]
    table["value_at_risk"] = table["sign"].map(parameters.value_at_risk).fillna(1.0).astype(float)
    table["severity"] = table["probability_real"] * table["customers"].astype(float) * table["value_at_risk"]
    limit = table["sign"].map(parameters.high_effect).fillna(np.inf).astype(float)
    effect = pd.to_numeric(table["effect"]).astype(float)
    large = (effect.abs() >= limit) & (table["probability_real"] >= parameters.high_probability)
    told = table["verdict"].isin(WITH_ACTION)
    high = told & (large | (table["severity_level"] == "high"))
    table["severity_level"] = np.where(high, "high", "normal")
    table["alert"], table["incident"] = table["verdict"] == "alert", table["verdict"] == "incident"
    table["action_code"] = [
        action_code(str(sign), str(level)) if acts else None
        for sign, level, acts in zip(table["sign"], table["severity_level"], told, strict=True)
    ]
    return table[SIGNAL_COLUMNS].sort_values(KEY).reset_index(drop=True)


def _driver_table(sheets: list[Sheet]) -> pd.DataFrame:
    """Drivers of all sheets; ranks run on where a signal has parts in two units (orders and revenue)."""
    frames, next_rank = [], dict[tuple[str, str, str], int]()
    for sign, channel, segment, drivers, gap in sheets:
        if not drivers:
            continue
        table = ranked(drivers, gap)
        first = next_rank.get((sign, channel, segment), 0)
        table["rank"] += first
        next_rank[sign, channel, segment] = first + len(table)
        frames.append(table.assign(sign=sign, channel=channel, segment=segment))
    if not frames:
        return pd.DataFrame(columns=DRIVER_COLUMNS)
    return pd.concat(frames, ignore_index=True)[DRIVER_COLUMNS]
