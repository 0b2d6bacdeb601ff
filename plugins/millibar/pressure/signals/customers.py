"""The customer's signs of one day: each series held against its baseline, with what it takes to call it a pattern."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from millibar.pressure.detection import Detection, DetectionParameters, Thresholds, detect
from millibar.pressure.signals.arrays import Flags, Floats
from millibar.pressure.signals.inputs import ALL, SignalInputs
from millibar.pressure.signals.parameters import SignParameters
from millibar.pressure.signals.returns import LONGEST_DELAY, return_series
from millibar.pressure.signals.season import Season
from millibar.pressure.signals.series import DailySeries, count_of, exposure_of, lay_out, over_channels
from millibar.pressure.signals.signs import SIGNS, Sign
from millibar.pressure.signals.spam import check_limits

JUDGED_COLUMNS = [
    "sign", "channel", "segment", "judged_on", "observed", "expected", "baseline", "exposure", "effect", "p_value",
    "verdict", "severity_level", "since", "since_days", "detector", "statistic", "threshold",
    "false_alarms_per_100_series_years", "observed_count", "expected_count", "gap", "customers", "note",
]  # fmt: skip


@dataclass(frozen=True)
class SignSeries:
    """What a sign watches: arrays of shape (series, days); ``season``: factor of the expected count, or None."""

    sign: Sign
    keys: pd.DataFrame
    days: pd.DatetimeIndex
    counts: Floats
    exposure: Floats
    season: Floats | None


def sign_series(
    inputs: SignalInputs, last_day: pd.Timestamp, days: int, parameters: SignParameters, season: Season
) -> list[SignSeries]:
    """The series of every customer sign that the feeds allow; ``days`` of counts up to ``last_day``."""
    series = lay_out(inputs.health, last_day, days)
    if not len(series.keys):
        return []
    found = []
    for sign in SIGNS:
        laid: DailySeries | None = series
        if sign.name == "returns_vary":
            # orders before the window are needed to know what is due in it
            longer = lay_out(inputs.health, last_day, days + LONGEST_DELAY)
            laid = return_series(longer, inputs.sales, parameters)
        if laid is None:
            continue
        counts, exposure = count_of(sign, laid), exposure_of(sign, laid)
        if counts is None or exposure is None or not counts.any():
            continue
        if sign.exposure == "contacts":
            counts, exposure = over_channels(counts, exposure, laid.keys)
        if sign.family == "binomial":
            counts = np.minimum(counts, exposure)  # an answer a day after its mail: the day had no contact
        shown = laid.days[-days:]
        factor = None
        if sign.name == "sales_fall":
            factor = np.broadcast_to(season.factor(shown), (len(laid.keys), len(shown))).copy()
        watched = np.flatnonzero(counts.any(axis=1) & (exposure > 0).any(axis=1) & _is_comparable(sign, laid.keys))
        found.append(
            SignSeries(
                sign,
                laid.keys.iloc[watched].reset_index(drop=True),
                shown,
                counts[watched, -days:],
                exposure[watched, -days:],
                None if factor is None else factor[watched],
            )
        )
    return found


def _is_comparable(sign: Sign, keys: pd.DataFrame) -> Flags:
    """False where contacts and answers are not of the same people: a mail has no device until somebody opens it, so the
    answers of a device over all channels stand against the contacts of a few.
    """
    device = keys["segment"].astype(str).str.startswith("device:") & (keys["channel"] == ALL)
    return np.asarray(~device if sign.exposure == "contacts" else np.ones(len(keys), dtype=bool))


def judge(
    watched: list[SignSeries], detection: DetectionParameters, thresholds: Thresholds, parameters: SignParameters
) -> pd.DataFrame:
    """``JUDGED_COLUMNS`` of the series that could be judged; verdict is alert, incident or nothing (spam: trend)."""
    frames = []
    for series, found in zip(watched, detect_all(watched, detection, thresholds), strict=True):
        observed, expected = found.observed_recent, found.expected_recent
        judged = found.judged & (np.maximum(observed, expected) >= parameters.minimum_events)
        rows = _rows(series, found, _alarms(series, found, detection.recent_days, parameters) & judged, detection)
        if series.sign.name == "spam_complaints_rise":
            rows = _against_limits(rows, series, found, detection.recent_days, parameters)
        frames.append(rows[judged])
    frames = [rows for rows in frames if len(rows)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=JUDGED_COLUMNS)


def detect_all(watched: list[SignSeries], detection: DetectionParameters, thresholds: Thresholds) -> list[Detection]:
    """The detection of each sign's series; all at once, because its cost is one of days rather than of series."""
    if not watched:
        return []
    sizes = [len(series.keys) for series in watched]
    season = [np.ones_like(series.counts) if series.season is None else series.season for series in watched]
    found = detect(
        np.vstack([series.counts for series in watched]),
        np.vstack([series.exposure for series in watched]),
        np.repeat([float(series.sign.direction) for series in watched], sizes),
        np.repeat([series.sign.family for series in watched], sizes),
        detection,
        thresholds,
        np.vstack(season),
    )
    ends = np.cumsum(sizes)
    parts = []
    for begin, end in zip(ends - sizes, ends, strict=True):
        rows = {part.name: getattr(found, part.name)[begin:end] for part in fields(found)}
        parts.append(Detection(**rows))
    return parts


def _alarms(series: SignSeries, found: Detection, recent: int, parameters: SignParameters) -> Flags:
    alarm = found.alarm[:, -1] if found.alarm.shape[1] else np.zeros(len(series.keys), dtype=bool)
    if series.sign.name == "complaint_wave" and found.z.shape[1]:
        adverse = (found.z[:, -recent:] > 0).sum(axis=1) >= parameters.adverse_days
        ratio = poisson_ratio(found.observed_recent, found.expected_recent)
        alarm = alarm & adverse & (ratio >= parameters.wave_ratio)
    return np.asarray(alarm, dtype=bool)


def poisson_ratio(observed: Floats, expected: Floats) -> Floats:
    """Likelihood ratio 2 (k ln(k / E) - (k - E)) of a Poisson count above its expectation; 0 below it."""
    safe = np.maximum(expected, 1e-9)
    ratio = 2 * (observed * np.log(np.maximum(observed, 1e-9) / safe) - (observed - safe))
    return np.asarray(np.where(observed > safe, ratio, 0.0))


def _rows(series: SignSeries, found: Detection, alarm: Flags, detection: DetectionParameters) -> pd.DataFrame:
    sign, observed, expected = series.sign, found.observed_recent, found.expected_recent
    unit = np.maximum(found.exposure_recent, 1e-12)
    gap = observed - expected
    last = series.days[-1]
    statistic, threshold = _last(found.statistic), _last(found.threshold)
    seasonal = 1.0 if series.season is None else _recent_season(series.season, detection)
    table = pd.DataFrame(
        {
            "sign": sign.name,
            "channel": series.keys["channel"].to_numpy(),
            "segment": series.keys["segment"].to_numpy(),
            "judged_on": last.date(),
            "observed": observed / unit,
            "expected": expected / unit,
            "baseline": expected / unit / seasonal,
            "exposure": found.exposure_recent,
            "effect": observed / np.where(expected > 0, expected, 1.0) - 1.0,
            "p_value": np.clip(found.p_value, 0.0, 1.0),
            "verdict": np.where(alarm, "alert", np.where(found.incident, "incident", "nothing")),
            "severity_level": "normal",
            "since": [last.date() - pd.Timedelta(days=int(days)) for days in found.since],
            "since_days": found.since + 1,
            "detector": found.detector,
            "statistic": statistic,
            "threshold": threshold,
            "false_alarms_per_100_series_years": found.false_alarms,
            "observed_count": observed,
            "expected_count": expected,
            "gap": gap,
            # an event is taken for a customer; only those on the bad side count
            "customers": np.maximum(found.side * gap, 0.0),
        }
    )
    table["since"] = table["since"].astype(object).where(alarm, None)
    table["note"] = pd.Series(None, index=table.index, dtype=object)
    return table


def _last(table: Floats) -> Floats:
    return table[:, -1] if table.shape[1] else np.zeros(len(table))


def _recent_season(season: Floats, detection: DetectionParameters) -> Floats:
    """Season of the recent days over that of the baseline, shape (series,)."""
    gap = max(detection.baseline_lag_days, detection.recent_days)
    before = season[:, : season.shape[1] - gap][:, -detection.baseline_days :]
    if not before.shape[1]:
        return np.ones(len(season))
    return np.asarray(season[:, -detection.recent_days :].mean(axis=1) / before.mean(axis=1))


def _against_limits(
    rows: pd.DataFrame, series: SignSeries, found: Detection, recent: int, parameters: SignParameters
) -> pd.DataFrame:
    """Spam complaints: critical above the providers' limit, whatever the baseline says."""
    usual = np.divide(
        found.expected_recent, found.exposure_recent, out=np.zeros(len(rows)), where=found.exposure_recent > 0
    )
    check = check_limits(series.counts, series.exposure, usual, recent, parameters)
    mailbox = rows["channel"].isin(parameters.mailbox_channels).to_numpy()
    over, critical = (
        mailbox & (check.over_limit > parameters.spam_sure),
        mailbox & (check.over_critical > parameters.spam_sure),
    )
    raised = critical & (rows["verdict"] != "alert").to_numpy()
    rows = rows.copy()
    rows.loc[raised, "verdict"], rows.loc[raised, "detector"] = "alert", "provider_limit"
    rows.loc[raised, ["statistic"]] = check.over_critical[raised, None]
    rows.loc[raised, ["threshold"]] = parameters.spam_sure
    rows.loc[raised, "since"] = series.days[-recent].date()
    # the customers touched are those above what providers bear, where the channel's own past is no measure
    beyond = found.observed_recent - parameters.spam_critical * found.exposure_recent
    rows.loc[raised, "customers"] = np.maximum(rows["customers"], beyond)[raised]
    rows.loc[critical, "severity_level"] = "high"
    rows.loc[(rows["verdict"] == "nothing") & over, "verdict"] = "trend"
    rows.loc[mailbox, "note"] = [
        f"the chance that the rate is above {100 * parameters.spam_limit:.1f} % is {low:.2f}, above "
        f"{100 * parameters.spam_critical:.1f} % {high:.2f}"
        for low, high in zip(check.over_limit[mailbox], check.over_critical[mailbox], strict=True)
    ]
    return rows
