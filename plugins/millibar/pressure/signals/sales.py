"""Sales: whether a fall is what season and base lead to expect, and what the fall is made of."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from millibar.pressure.detection import DetectionParameters
from millibar.pressure.signals.arrays import Flags, Floats
from millibar.pressure.signals.causes import OTHER, Driver
from millibar.pressure.signals.decomposition import PARTS, Trade, decompose
from millibar.pressure.signals.inputs import ALL, SalesInputs
from millibar.pressure.signals.parameters import SignParameters
from millibar.pressure.signals.season import Season

SALES_PART = "sales_part"
LARGEST_Z = 8.0  # beyond it a p-value is 0 to the machine


def weigh_sales(
    rows: pd.DataFrame,
    season: Season,
    base: pd.DataFrame,
    last_day: pd.Timestamp,
    detection: DetectionParameters,
    parameters: SignParameters,
) -> pd.DataFrame:
    """Verdict ``expected`` where season, calendar and base explain a fall; the rest stands.

    ``rows``: judged rows of sales_fall (see customers.JUDGED_COLUMNS), whose expectation holds the season already. The
    season is known only so well (:meth:`Season.ratio`), and the base may shrink: an alarm stays an alert when the fall
    against expectation x base is ``sales_z`` standard deviations (of the season, and of counting) out and
    ``sales_least`` large, or when a segment falls that much against its channel's other segments, whose season is the
    same. A fall against
    the plain baseline that the season explains is told as expected, too.
    """
    if rows.empty:
        return rows
    recent, before = _windows(last_day, detection)
    ratio, season_spread = season.ratio(recent, before)
    shrunk = base_ratio(base, season, last_day, detection, parameters)
    rows = rows.copy()
    expected, observed = rows["expected_count"].to_numpy(), np.maximum(rows["observed_count"].to_numpy(), 0.5)
    fall = -np.log(observed / np.maximum(expected, 1e-9))
    counting = 1 / np.sqrt(np.maximum(expected, 1.0))
    # an alarm has chance ruled out already: what is left to ask is whether the season, or the base, can be it
    abnormal = fall + np.log(shrunk)
    is_abnormal = _is_out(abnormal, np.sqrt(counting**2 + season_spread**2), parameters)
    is_abnormal |= _is_out(*_against_peers(rows, fall, counting), parameters)
    out = norm.isf(np.clip(rows["p_value"].to_numpy(), norm.sf(LARGEST_Z), 0.5))
    chance = np.where(out > 0.1, np.maximum(fall, 0.0) / np.maximum(out, 0.1), counting)
    explained = _is_out(fall - np.log(ratio), chance, parameters)  # against the baseline without season
    alarm = (rows["verdict"] == "alert").to_numpy()
    quiet = (rows["verdict"] == "nothing").to_numpy()
    rows.loc[(alarm & ~is_abnormal) | (quiet & explained & ~is_abnormal), "verdict"] = "expected"
    # with the season's own doubt in it
    rows["p_value"] = np.where(
        fall > 0, np.maximum(rows["p_value"], norm.sf(fall / np.hypot(chance, season_spread))), rows["p_value"]
    )
    rows["note"] = (
        f"the season puts {100 * (ratio - 1):+.0f} % on these days against the weeks before"
        f" ({season.basis})" + (f", the active base {100 * (shrunk - 1):+.0f} %" if shrunk < 0.995 else "")
    )
    return rows


def _is_out(fall: Floats, spread: Floats, parameters: SignParameters) -> Flags:
    """Whether a log fall is both beyond its standard deviation and worth a word."""
    return np.asarray((fall / spread > parameters.sales_z) & (1 - np.exp(-fall) >= parameters.sales_least))


def _against_peers(rows: pd.DataFrame, fall: Floats, counting: Floats) -> tuple[Floats, Floats]:
    """Log fall of each segment against its channel's other segments of the same kind, and its standard deviation.

    0 and 1 where a segment has no peers.
    """
    kind = rows["segment"].astype(str).str.partition(":")[0]
    group = pd.factorize(rows["channel"].astype(str) + " " + kind)[0]
    is_segment = np.asarray(rows["segment"].astype(str).str.contains(":", regex=False), dtype=bool)
    observed, expected = rows["observed_count"].to_numpy(dtype=float), rows["expected_count"].to_numpy(dtype=float)
    relative, spread = np.zeros(len(rows)), np.ones(len(rows))
    for place in np.flatnonzero(is_segment):
        others = is_segment & (group == group[place])
        others[place] = False
        if min(observed[others].sum(), expected[others].sum()) > 0:
            relative[place] = fall[place] + np.log(observed[others].sum() / expected[others].sum())
            spread[place] = np.sqrt(counting[place] ** 2 + 1 / expected[others].sum())
    return relative, spread


def _windows(last_day: pd.Timestamp, detection: DetectionParameters) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    recent = pd.date_range(end=last_day, periods=detection.recent_days)
    ends = last_day - pd.Timedelta(days=max(detection.baseline_lag_days, detection.recent_days))
    return recent, pd.date_range(end=ends, periods=detection.baseline_days)


def base_ratio(
    base: pd.DataFrame,
    season: Season,
    last_day: pd.Timestamp,
    detection: DetectionParameters,
    parameters: SignParameters,
) -> float:
    """How much smaller the base of customers is than in the middle of the baseline, at most 1.

    ``base``: day, active_customers, maybe expected_orders. The purchase model's expectation is used where it is known
    at both ends; else customers active in ``active_days``, freed from the season they bought in. Counted at the
    last day before the recent ones, so that the fall itself does not explain the fall. A growing base never raises the
    expectation: new customers buy when they come.
    """
    if base.empty:
        return 1.0
    recent, before = _windows(last_day, detection)
    rows = base.assign(day=pd.to_datetime(base["day"])).sort_values("day")
    now = rows[rows["day"] < recent[0]].tail(1)
    past = rows[(rows["day"] <= before[-1]) & (rows["day"] >= before[0] - pd.Timedelta(days=31))]
    if now.empty or past.empty:
        return 1.0
    middle = before[len(before) // 2]
    then = past.iloc[[int((past["day"] - middle).abs().argmin())]]
    if now["day"].iloc[0] == then["day"].iloc[0]:
        return 1.0
    if "expected_orders" in rows:
        model = [float(pd.to_numeric(part["expected_orders"]).iloc[0]) for part in (now, then)]
        if np.isfinite(model).all() and model[1] > 0:
            return float(np.clip(model[0] / model[1], parameters.base_least, 1.0))
    active = [float(pd.to_numeric(part["active_customers"]).iloc[0]) for part in (now, then)]
    if not np.isfinite(active).all() or active[1] <= 0 or active[0] <= 0:
        return 1.0
    bought = [pd.date_range(end=part["day"].iloc[0], periods=parameters.active_days) for part in (now, then)]
    lift, _ = season.ratio(bought[0], bought[1])
    return float(np.clip(active[0] / active[1] / lift, parameters.base_least, 1.0))


def sales_parts(
    sales: SalesInputs, season: Season, last_day: pd.Timestamp, detection: DetectionParameters, channel: str
) -> list[Driver]:
    """Customers x frequency x basket x channel of the gap between recent revenue and that of normal days.

    Normal days are those of the baseline, brought to ``recent_days`` and to the season of now. Contributions are in
    revenue and sum to the gap.
    """
    recent, before = _windows(last_day, detection)
    daily = sales.daily[sales.daily["channel"] != ALL]
    if channel != ALL:
        daily = daily[daily["channel"] == channel]
    ratio, _ = season.ratio(recent, before)
    scale = len(recent) / len(before) * ratio
    channels = sorted(daily["channel"].astype(str).unique())
    now, past = (_trade(daily, window, channels) for window in (recent, before))
    if not now.orders.sum() + past.orders.sum():
        return []
    active = _active(sales.base, recent, before)
    expected = Trade(active[1], past.orders * scale, past.revenue * scale)
    parts = decompose(Trade(active[0], now.orders, now.revenue), expected)
    told = {"customers": "active customers", "frequency": "orders a customer", "basket": "revenue an order"}
    return [Driver(SALES_PART, name, parts[name], told.get(name, "where the orders are made")) for name in PARTS] + [
        Driver(SALES_PART, OTHER, 0.0, f"revenue {now.revenue.sum():.0f} against {expected.revenue.sum():.0f}")
    ]


def _trade(daily: pd.DataFrame, window: pd.DatetimeIndex, channels: list[str]) -> Trade:
    inside = daily[pd.to_datetime(daily["day"]).isin(window)]
    sums = inside.groupby("channel")[["orders", "revenue"]].sum().reindex(channels, fill_value=0).astype(float)
    return Trade(1.0, sums["orders"].to_numpy(), sums["revenue"].to_numpy())


def _active(base: pd.DataFrame, recent: pd.DatetimeIndex, before: pd.DatetimeIndex) -> tuple[float, float]:
    """Active customers at the end of both windows; 1 and 1 (all is frequency) where they are not known."""
    if base.empty:
        return 1.0, 1.0
    rows = base.assign(day=pd.to_datetime(base["day"])).sort_values("day")
    now, then = rows[rows["day"] <= recent[-1]].tail(1), rows[rows["day"] <= before[-1]].tail(1)
    if now.empty or then.empty:
        return 1.0, 1.0
    active = float(now["active_customers"].iloc[0]), float(then["active_customers"].iloc[0])
    return active if min(active) > 0 else (1.0, 1.0)
