"""Bars of the signals on a simulated market: recall, delay, false alarms, one-day outliers, against the market's truth.

Every day of the market is judged as the nightly run would have judged it; an alarm counts on the day it rises.

- A pattern is found when an alarm of its sign rises on a series that contains the struck people (its channel or all,
  its segment or all) within 14 days of its first day.
- A false alarm rises on a series that no incident touches then; an incident touches until 21 days after its end. An
  alarm that comes back within 7 days is the same one.
- A one-day outlier raised an alarm where one rises on a series it touches from its day to 7 days after, and would not
  have risen had that one day not been judged (exposure 0). While a pattern strikes that series an alarm is the
  pattern's: the outlier's day then is one more of its bad days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.pressure.bars.market import PlayedMarket
from millibar.pressure.detection import Detection, DetectionParameters, Thresholds, detect, load_thresholds
from millibar.pressure.signals.calendar import load_calendar
from millibar.pressure.signals.customers import SignSeries, poisson_ratio, sign_series
from millibar.pressure.signals.inputs import ALL, SalesInputs, SignalInputs
from millibar.pressure.signals.parameters import SeasonParameters, SignParameters
from millibar.pressure.signals.season import fit_season
from millibar.settings import Settings

FOUND_WITHIN_DAYS = 14
AFTER_DAYS = 21
TAIL_DAYS = {"return_rise": 28}  # orders of a fault's last day still come back (RETURN_WAIT: 95 % within 28 days)
OUTLIER_AFTER_DAYS = 7
SAME_ALARM_DAYS = 7
YEAR_DAYS = 365
CALENDAR_SEED = "calendar_effects.csv"
SEGMENT_PREFIX = "acquisition_channel:"

# The sign of each kind of fault, and the other signs that the same fault moves in this market.
SIGNS_OF_KIND = {
    "click_drop": ("click_rate_falls",),
    "open_drop": ("open_rate_falls", "click_rate_falls"),
    "unsubscribe_rise": ("unsubscribes_rise",),
    "spam_rise": ("spam_complaints_rise",),
    "complaint_wave": ("complaint_wave",),
    "negative_comments": ("negative_comments_rise",),
    "return_rise": ("returns_vary",),
    "sales_drop": ("sales_fall",),
}
# What more pressure, or a list of people who care less, does to a channel.
_TIRED = ("open_rate_falls", "click_rate_falls", "unsubscribes_rise", "spam_complaints_rise", "complaint_wave")
ALSO_MOVED = {
    "click_drop": ("open_rate_falls",),  # who clicks has opened
    "unsubscribe_rise": ("complaint_wave", "spam_complaints_rise"),  # the annoyed leave, complain or report
    "spam_rise": ("complaint_wave",),
    "sales_drop": ("returns_vary",),
    "double_sending": _TIRED,
    "mass_sending": _TIRED,
    "uncoordinated_plan": _TIRED,
    "generic_content": ("open_rate_falls", "click_rate_falls"),
    "reader_shift": ("open_rate_falls", "click_rate_falls"),  # weighed against the other channels: verdict shifted
}


@dataclass(frozen=True)
class SignalBars:
    """The four bars and what they are made of.

    ``recall``: share of patterns found in time. ``median_delay``: days from the first day to the alarm, of those found.
    ``false_alarms``: per 100 series-years. ``outlier_alarms``: share of one-day outliers that raised one. ``by_kind``:
    kind, patterns, found, median_delay, outliers, outlier_alarms. ``by_sign``: sign, series_years, false_alarms (a
    count), per_100_series_years. ``incidents``: a row an incident with its delay (NaN: not found) or alarm. ``wrong``:
    the false alarms: sign, channel, segment, day.
    """

    recall: float
    median_delay: float
    false_alarms: float
    outlier_alarms: float
    patterns: int
    outliers: int
    series_years: float
    by_kind: pd.DataFrame
    by_sign: pd.DataFrame
    incidents: pd.DataFrame
    wrong: pd.DataFrame


def score_signals(
    market: PlayedMarket,
    detection: DetectionParameters | None = None,
    thresholds: Thresholds | None = None,
    parameters: SignParameters | None = None,
) -> SignalBars:
    """Play every day's judgement on the market's health table and hold the alarms against its incidents."""
    judge = Judge(detection or DetectionParameters(), thresholds or load_thresholds(), parameters or SignParameters())
    incidents = market.incidents[market.incidents["first_day"] < market.days]
    rises = [Rises(series, judge, market.days) for series in market_series(market, judge.parameters)]
    judged = incidents[incidents["kind"].isin([*SIGNS_OF_KIND, "double_sending"])]
    scored = pd.DataFrame([_score(incident, rises, incidents) for _, incident in judged.iterrows()])
    return summarise(scored, *_false_alarms(rises, incidents))


def market_series(market: PlayedMarket, parameters: SignParameters) -> list[SignSeries]:
    """Every sign's series over the whole market; the season of sales is the calendar's, as in any first year."""
    last_day = pd.Timestamp(market.parameters.start) + pd.Timedelta(days=market.days - 1)
    health = market.health()
    delays = (market.returns["day"] - market.returns["order_day"]).value_counts().rename_axis("delay_days")
    calendar = load_calendar(Settings.from_environment().dbt_project / "seeds" / CALENDAR_SEED)
    inputs = SignalInputs(
        health[health["day"] <= last_day],
        sales=SalesInputs(delays=delays.rename("returns").reset_index(), calendar=calendar),
    )
    season = fit_season(None, calendar, SeasonParameters())
    return sign_series(inputs, last_day, market.days, parameters, season)


@dataclass(frozen=True)
class Judge:
    """What the days are judged with."""

    detection: DetectionParameters
    thresholds: Thresholds
    parameters: SignParameters

    def watch(self, series: SignSeries, rows: np.ndarray, left_out: slice = slice(0, 0)) -> Detection:
        """The verdict of each day on some of the series, with some days not judged."""
        exposure = series.exposure[rows].copy()
        exposure[:, left_out] = 0.0
        size = len(exposure)
        found = detect(
            series.counts[rows],
            exposure,
            np.full(size, series.sign.direction),
            np.full(size, series.sign.family, dtype=object),
            self.detection,
            self.thresholds,
            None if series.season is None else series.season[rows],
            watch_days=exposure.shape[1],
        )
        if series.sign.name == "complaint_wave":
            found.alarm[...] &= self._wave(series.counts[rows], found)
        return found

    def _wave(self, counts: np.ndarray, found: Detection) -> np.ndarray:
        """A wave of complaints has most of its days adverse: see millibar.pressure.signals.customers."""
        recent, watched = self.detection.recent_days, found.z.shape[1]
        tables = (counts[:, counts.shape[1] - watched :], found.expected, found.z > 0)
        observed, expected, adverse = (_sums_of_last(table, recent) for table in tables)
        enough = adverse >= self.parameters.adverse_days
        return np.asarray(enough & (poisson_ratio(observed, expected) >= self.parameters.wave_ratio))


def _sums_of_last(values: np.ndarray, days: int) -> np.ndarray:
    total = np.cumsum(np.pad(values.astype(float), ((0, 0), (days, 0))), axis=1)
    return np.asarray(total[:, days:] - total[:, :-days])


def first_rises(alarm: np.ndarray) -> np.ndarray:
    """Days on which an alarm rises after ``SAME_ALARM_DAYS`` without one; shapes (series, days)."""
    before = np.zeros_like(alarm)
    for lag in range(1, SAME_ALARM_DAYS + 1):
        before[:, lag:] |= alarm[:, :-lag]
    return np.asarray(alarm & ~before)


def signs_moved(kind: str) -> tuple[str, ...]:
    """Signs that a fault of this kind moves, its own first."""
    return SIGNS_OF_KIND.get(kind, ()) + ALSO_MOVED.get(kind, ())


class Rises:
    """Days on which alarms of one sign rise, shape (series, days of the market)."""

    def __init__(self, series: SignSeries, judge: Judge, days: int) -> None:
        self.sign = series.sign.name
        self.channel, self.segment = (series.keys[name].to_numpy() for name in ("channel", "segment"))
        self._series, self._judge, self._days = series, judge, days
        found = judge.watch(series, np.arange(len(series.keys)))
        self.rises, self.judged = self._all_days(first_rises(found.alarm)), self._all_days(found.mature)

    def _all_days(self, watched: np.ndarray) -> np.ndarray:
        padding = self._days - watched.shape[1]
        return np.pad(watched, ((0, 0), (padding, 0)))

    def of(self, incident: pd.Series) -> np.ndarray:
        """Places of the series that contain the people the incident strikes."""
        chosen = np.ones(len(self.channel), dtype=bool)
        if isinstance(incident["channel"], str):
            chosen &= np.isin(self.channel, (ALL, incident["channel"]))
        if isinstance(incident["segment"], str):
            chosen &= np.isin(self.segment, (ALL, SEGMENT_PREFIX + incident["segment"]))
        return np.flatnonzero(chosen)

    def within(self, incident: pd.Series, days: int) -> list[int]:
        """Days since the incident's first on which an alarm rises."""
        first = int(incident["first_day"])
        return np.flatnonzero(self.rises[self.of(incident), first : first + days + 1].any(axis=0)).tolist()

    def struck(self, incidents: pd.DataFrame) -> np.ndarray:
        """Where patterns of this sign strike, shape (series, days of the market)."""
        where = np.zeros_like(self.rises)
        for _, incident in incidents[~incidents["is_outlier"].astype(bool)].iterrows():
            if self.sign in signs_moved(incident["kind"]):
                where[self.of(incident), int(incident["first_day"]) : int(incident["last_day"]) + 1] = True
        return where

    def due_to(self, outlier: pd.Series, incidents: pd.DataFrame) -> bool:
        """Whether an alarm rises, of no pattern, that would not, had the outlier's day not been judged."""
        first = int(outlier["first_day"])
        after = slice(first, first + OUTLIER_AFTER_DAYS + 1)
        rows = self.of(outlier)
        rows = rows[(self.rises & ~self.struck(incidents))[rows, after].any(axis=1)]
        if not len(rows):
            return False
        without = self._all_days(first_rises(self._judge.watch(self._series, rows, slice(first, first + 1)).alarm))
        return bool((~without[:, after].any(axis=1)).any())


def _score(incident: pd.Series, rises: list[Rises], incidents: pd.DataFrame) -> dict[str, object]:
    """One incident: the delay of its first alarm, and whether there was one in time."""
    if incident["is_outlier"]:
        moved = signs_moved(incident["kind"])
        alarmed = any(sign.due_to(incident, incidents) for sign in rises if sign.sign in moved)
        return _scored(incident, float("nan"), alarmed)
    signs = SIGNS_OF_KIND[incident["kind"]]
    days = [day for sign in rises if sign.sign in signs for day in sign.within(incident, FOUND_WITHIN_DAYS)]
    return _scored(incident, float(min(days)) if days else float("nan"), bool(days))


def _scored(incident: pd.Series, delay: float, alarmed: bool) -> dict[str, object]:
    return {str(name): value for name, value in incident.items()} | {"delay": delay, "alarmed": alarmed}


def _false_alarms(rises: list[Rises], incidents: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Series-years and false alarms by sign, and the false alarms themselves."""
    by_sign, wrong = [], []
    for sign in rises:
        untouched = np.ones_like(sign.judged)
        for _, incident in incidents.iterrows():
            if sign.sign in signs_moved(incident["kind"]):
                until = int(incident["last_day"]) + TAIL_DAYS.get(incident["kind"], 0) + AFTER_DAYS + 1
                first = int(incident["first_day"])
                untouched[sign.of(incident), first:until] = False
        false = sign.rises & untouched
        years = float((sign.judged & untouched).sum()) / YEAR_DAYS
        by_sign.append({"sign": sign.sign, "series_years": years, "false_alarms": int(false.sum())})
        wrong += [
            {"sign": sign.sign, "channel": sign.channel[row], "segment": sign.segment[row], "day": int(day)}
            for row, day in np.argwhere(false)
        ]
    return pd.DataFrame(by_sign), pd.DataFrame(wrong, columns=["sign", "channel", "segment", "day"])


def summarise(incidents: pd.DataFrame, by_sign: pd.DataFrame, wrong: pd.DataFrame) -> SignalBars:
    """The bars of incidents (kind, is_outlier, delay, alarmed) and of series-years by sign; of many markets at once
    where their rows are put together."""
    patterns, outliers = incidents[~incidents["is_outlier"]], incidents[incidents["is_outlier"]]
    by_sign = by_sign.groupby("sign", as_index=False, sort=True)[["series_years", "false_alarms"]].sum()
    by_sign["per_100_series_years"] = 100 * by_sign["false_alarms"] / np.maximum(by_sign["series_years"], 1e-9)
    years = float(by_sign["series_years"].sum())
    by_kind = pd.DataFrame(
        {
            "patterns": patterns.groupby("kind").size(),
            "found": patterns.groupby("kind")["alarmed"].sum(),
            "median_delay": patterns.groupby("kind")["delay"].median(),
            "outliers": outliers.groupby("kind").size(),
            "outlier_alarms": outliers.groupby("kind")["alarmed"].sum(),
        }
    )
    return SignalBars(
        recall=float(patterns["alarmed"].mean()) if len(patterns) else float("nan"),
        median_delay=float(patterns["delay"].median()),
        false_alarms=100 * float(by_sign["false_alarms"].sum()) / max(years, 1e-9),
        outlier_alarms=float(outliers["alarmed"].mean()) if len(outliers) else float("nan"),
        patterns=len(patterns),
        outliers=len(outliers),
        series_years=years,
        by_kind=by_kind.rename_axis("kind").reset_index(),
        by_sign=by_sign,
        incidents=incidents,
        wrong=wrong,
    )
