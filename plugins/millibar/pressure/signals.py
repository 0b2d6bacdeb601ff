"""Signals of every channel and segment on one day: which sign is a pattern, which an incident, what caused it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from millibar.pressure.causes import channel_cause, contributor_cause
from millibar.pressure.cusum import Floats, Watch, watch_series
from millibar.pressure.parameters import SignalParameters

ALL = "all"
SIGNAL_COLUMNS = [
    "sign", "channel", "segment", "observed", "expected", "effect", "p_value", "q_value", "severity", "alert",
    "incident", "cause", "action_code",
]  # fmt: skip


@dataclass(frozen=True)
class Sign:
    """A sign: which count is watched against which exposure, and which direction is bad.

    ``exposure``: a column of the daily health table, ``day`` for plain counts a day, ``lagged_orders`` for orders of
    the return delay before. ``direction``: +1 more is bad, -1 fewer is bad, 0 both are.
    """

    name: str
    count: str
    exposure: str
    direction: int
    action_code: str
    binomial: bool = False
    needs_adverse_days: bool = False
    event: str = "events"


SIGNS = (
    Sign("click_rate_falls", "human_clicks", "contacts", -1, "sign_click_rate", binomial=True, event="human clicks"),
    Sign("unsubscribes_rise", "unsubscribes", "contacts", 1, "sign_unsubscribes", binomial=True, event="unsubscribes"),
    Sign(
        "spam_complaints_rise", "spam_complaints", "contacts", 1, "sign_spam_complaints", binomial=True,
        event="spam complaints",
    ),
    Sign(
        "complaint_wave", "complaints", "day", 1, "sign_complaint_wave", needs_adverse_days=True, event="complaints"
    ),
    Sign("sales_fall", "orders", "day", -1, "sign_sales", event="orders"),
    Sign("returns_vary", "returns", "lagged_orders", 0, "sign_returns", event="returns"),
)  # fmt: skip

HEALTH_COUNTS = ("contacts", "human_clicks", "unsubscribes", "spam_complaints", "complaints", "orders", "returns")


@dataclass(frozen=True)
class DailySeries:
    """Daily counts laid out as arrays: ``counts[name]`` has shape (series, days); ``keys``: channel, segment."""

    keys: pd.DataFrame
    counts: dict[str, Floats]
    recorded: npt.NDArray[np.bool_]  # days on or after the first day of the history; shape (days,)


def lay_out(health: pd.DataFrame, last_day: pd.Timestamp, days: int) -> DailySeries:
    """Arrays of the ``days`` days that end with ``last_day``; a day without a row counts 0.

    ``health``: day, channel, segment and ``HEALTH_COUNTS``.
    """
    day = pd.to_datetime(health["day"])
    place = (day - last_day).dt.days.to_numpy() + days - 1
    inside = (place >= 0) & (place < days)
    rows = health[inside]
    keys = rows[["channel", "segment"]].drop_duplicates().sort_values(["channel", "segment"]).reset_index(drop=True)
    series = pd.MultiIndex.from_frame(keys).get_indexer(pd.MultiIndex.from_frame(rows[["channel", "segment"]]))
    counts = {}
    for name in HEALTH_COUNTS:
        table = np.zeros((len(keys), days))
        np.add.at(table, (series, place[inside]), pd.to_numeric(rows[name]).fillna(0).to_numpy(dtype=float))
        counts[name] = table
    first = int(place.min()) if len(place) else days
    return DailySeries(keys, counts, np.arange(days) >= first)


def find_signals(
    health: pd.DataFrame, campaigns: pd.DataFrame, last_day: pd.Timestamp, parameters: SignalParameters
) -> pd.DataFrame:
    """Signals of ``last_day``; columns ``SIGNAL_COLUMNS``, one row a sign x channel x segment that could be judged.

    ``health``: as :func:`lay_out`; channel ``all`` and segment ``all`` are rows like others. ``campaigns``: channel,
    campaign and the counts of the recent days (contacts, human_clicks, unsubscribes, spam_complaints, complaints).
    observed / expected: per exposure (rates) or a day (plain counts) over the recent days; effect: their ratio less 1.
    """
    series = lay_out(health, last_day, parameters.history_days)
    frames = [_judge(sign, series, campaigns, parameters) for sign in SIGNS] if len(series.keys) else []
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return pd.DataFrame(columns=SIGNAL_COLUMNS)
    found = pd.concat(frames, ignore_index=True)
    found["q_value"] = benjamini_hochberg(found["p_value"].to_numpy())
    worth = found["sign"].map(parameters.value_at_risk).fillna(1.0)
    found["severity"] = (1.0 - found["q_value"]) * found.pop("excess") * worth
    return found[SIGNAL_COLUMNS].sort_values(["sign", "channel", "segment"]).reset_index(drop=True)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """q-values: the smallest false discovery rate at which each hypothesis is rejected."""
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * count / np.arange(1, count + 1)
    q_values = np.empty(count)
    q_values[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q_values


def _judge(sign: Sign, series: DailySeries, campaigns: pd.DataFrame, parameters: SignalParameters) -> pd.DataFrame:
    counts = series.counts[sign.count]
    exposure = _exposure(sign, series, parameters)
    if sign.exposure == "lagged_orders":  # the newest returns are not delivered yet: silence there is no sign
        until = counts.shape[1] - parameters.report_delay_days
        counts, exposure = counts[:, :until], exposure[:, :until]
    watch, side = _watch(sign, counts, exposure, parameters)
    recent = slice(-parameters.recent_days, None)
    if watch.z.shape[1] < parameters.recent_days:
        return pd.DataFrame()
    observed, expected = counts[:, recent].sum(axis=1), watch.expected[:, recent].sum(axis=1)
    exposed = exposure[:, recent].sum(axis=1)
    judged = (expected > 0) & (np.maximum(observed, expected) >= parameters.minimum_events)
    pooled = side * (observed - expected) / np.sqrt(np.maximum(watch.variance[:, recent].sum(axis=1), 1e-12))
    p_values = norm.sf(pooled) if sign.direction else np.minimum(2 * norm.sf(pooled), 1.0)
    alert = (watch.cusum[:, -1] > parameters.threshold) & (pooled > parameters.confirm_z)
    if sign.needs_adverse_days:
        alert &= (watch.z[:, recent] > 0).sum(axis=1) >= parameters.adverse_days
    incident = ~alert & (watch.z[:, -1] > parameters.incident_z)
    unit = np.maximum(exposed, 1e-12)
    found = pd.DataFrame(
        {
            "sign": sign.name,
            **{name: series.keys[name] for name in ("channel", "segment")},
            "observed": observed / unit,
            "expected": expected / unit,
            "effect": observed / np.where(expected > 0, expected, 1.0) - 1.0,
            "p_value": p_values,
            "excess": np.maximum(side * (observed - expected), 0.0),
            "alert": alert,
            "incident": incident,
            "action_code": pd.Series(sign.action_code, index=series.keys.index, dtype=object).where(alert, None),
        }
    )
    told = judged & (alert | incident)
    found["cause"] = [
        _cause(sign, place, series, campaigns, observed, expected, exposed, side) if told[place] else None
        for place in range(len(told))
    ]
    return pd.DataFrame(found[judged])


def _exposure(sign: Sign, series: DailySeries, parameters: SignalParameters) -> Floats:
    if sign.exposure == "day":
        return np.broadcast_to(series.recorded.astype(float), series.counts[sign.count].shape).copy()
    if sign.exposure == "lagged_orders":
        # orders whose returns are due about now: a week around the usual delay
        orders = series.counts["orders"]
        week = np.stack(
            [
                np.pad(orders, ((0, 0), (lag, 0)))[:, : orders.shape[1]]
                for lag in range(parameters.return_delay_days - 3, parameters.return_delay_days + 4)
            ]
        )
        return np.asarray(week.mean(axis=0))
    return series.counts[sign.exposure]


def _watch(sign: Sign, counts: Floats, exposure: Floats, parameters: SignalParameters) -> tuple[Watch, Floats]:
    """The watch of the bad direction and its sign a series; where both directions are bad, the one further out."""
    binomial = np.full(len(counts), sign.binomial)
    up = np.ones(len(counts))
    if sign.direction:
        side = up * sign.direction
        return watch_series(counts, exposure, side, binomial, parameters), side
    rising = watch_series(counts, exposure, up, binomial, parameters)
    falling = watch_series(counts, exposure, -up, binomial, parameters)
    if not rising.cusum.shape[1]:
        return rising, up
    falls = falling.cusum[:, -1] > rising.cusum[:, -1]
    recent = slice(-parameters.recent_days, None)
    level = rising.cusum[:, -1] == falling.cusum[:, -1]
    falls |= level & (falling.z[:, recent].sum(axis=1) > 0)
    pick = falls[:, None]
    watch = Watch(
        rising.expected,
        rising.variance,
        np.where(pick, falling.z, rising.z),
        np.where(pick, falling.cusum, rising.cusum),
    )
    return watch, np.where(falls, -1.0, 1.0)


def _cause(
    sign: Sign,
    place: int,
    series: DailySeries,
    campaigns: pd.DataFrame,
    observed: Floats,
    expected: Floats,
    exposed: Floats,
    side: Floats,
) -> str:
    channel, segment = series.keys["channel"].iloc[place], series.keys["segment"].iloc[place]
    gap = float(side[place] * (observed[place] - expected[place]))
    if channel == ALL or sign.exposure != "contacts":
        return channel_cause(
            series.keys, channel, segment, side[place] * (observed - expected), gap, sign.event, side[place]
        )
    rate = float(expected[place] / exposed[place]) if exposed[place] else 0.0
    of_channel = campaigns[campaigns["channel"] == channel]
    return contributor_cause(of_channel, sign.count, rate, gap, sign.event, float(side[place]))
