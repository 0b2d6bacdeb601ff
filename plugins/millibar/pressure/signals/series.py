"""Daily counts laid out as series x days, and the exposure each sign is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.pressure.signals.arrays import Flags, Floats
from millibar.pressure.signals.inputs import ALL
from millibar.pressure.signals.signs import Sign

NOT_COUNTS = ["day", "channel", "segment"]
CONTACT_SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)  # of the complaints, those that follow the day's contacts


@dataclass(frozen=True)
class DailySeries:
    """``counts[name]`` has shape (series, days); ``keys``: channel, segment of each series; ``days``: oldest first.
    ``recorded``: days on or after the first with any row.
    """

    keys: pd.DataFrame
    days: pd.DatetimeIndex
    counts: dict[str, Floats]
    recorded: Flags

    def until(self, days_dropped: int) -> DailySeries:
        """Without the newest ``days_dropped`` days."""
        end = len(self.days) - days_dropped
        counts = {name: table[:, :end] for name, table in self.counts.items()}
        return DailySeries(self.keys, self.days[:end], counts, self.recorded[:end])


def lay_out(rows: pd.DataFrame, last_day: pd.Timestamp, days: int) -> DailySeries:
    """Arrays of the ``days`` days that end with ``last_day``; a day without a row counts 0.

    ``rows``: day, channel, segment and counts; every other numeric column is taken as a count.
    """
    calendar = pd.date_range(end=last_day, periods=days)
    place = (pd.to_datetime(rows["day"]) - calendar[0]).dt.days.to_numpy()
    inside = (place >= 0) & (place < days)
    kept, place = rows[inside], place[inside]
    keys = kept[["channel", "segment"]].drop_duplicates().sort_values(["channel", "segment"]).reset_index(drop=True)
    series = pd.MultiIndex.from_frame(keys).get_indexer(pd.MultiIndex.from_frame(kept[["channel", "segment"]]))
    counts = {}
    for name in rows.columns.difference(NOT_COUNTS):
        if not pd.api.types.is_numeric_dtype(rows[name]) and not _is_decimal(rows[name]):
            continue
        table = np.zeros((len(keys), days))
        np.add.at(table, (series, place), pd.to_numeric(kept[name]).fillna(0).to_numpy(dtype=float))
        counts[str(name)] = table
    first = int(place.min()) if len(place) else days
    return DailySeries(keys, calendar, counts, np.arange(days) >= first)


def _is_decimal(column: pd.Series) -> bool:
    return bool(len(column) and pd.to_numeric(column, errors="coerce").notna().all())


def count_of(sign: Sign, series: DailySeries) -> Floats | None:
    """The watched count, shape (series, days); None where the feed has no such column."""
    if sign.name == "click_rate_falls":
        return _answers(series)
    return series.counts.get(sign.count)


def exposure_of(sign: Sign, series: DailySeries) -> Floats | None:
    """What the count is out of, shape (series, days); None where the feed has no such column."""
    if sign.exposure == "day":
        shape = next(iter(series.counts.values())).shape
        days = np.broadcast_to(series.recorded.astype(float), shape).copy()
        counts, contacts = series.counts.get(sign.count), series.counts.get("contacts")
        if sign.name == "complaint_wave" and counts is not None and contacts is not None:
            return _with_contacts(counts, contacts, days)
        return days
    if sign.name == "open_rate_falls":
        return _delivered(series)
    return series.counts.get(sign.exposure)


def _answers(series: DailySeries) -> Floats | None:
    """Human clicks and replies; where a channel has neither, all human responses (letters, calls)."""
    clicks = series.counts.get("human_clicks")
    if clicks is None:
        return None
    answers = clicks + series.counts.get("replies", np.zeros_like(clicks))
    responses = series.counts.get("human_responses")
    if responses is None:
        return answers
    answered = np.asarray(answers.any(axis=1), dtype=bool)
    return np.where(answered[:, None], answers, np.minimum(responses, series.counts["contacts"]))


def _with_contacts(counts: Floats, contacts: Floats, days: Floats) -> Floats:
    """Exposure of what comes by the day and by the contact: (1 - w) + w * contacts / their mean; of mean 1 a day.

    A complaint may be about a mail or about nothing sent, so a day of many contacts is no wave by itself. Each series
    takes the share w of ``CONTACT_SHARES`` under which its counts are likeliest (Poisson).
    """
    mean = (contacts * days).sum(axis=1, keepdims=True) / np.maximum(days.sum(axis=1, keepdims=True), 1.0)
    load = np.where(mean > 0, contacts / np.where(mean > 0, mean, 1.0), 1.0)
    mixed = np.stack([((1.0 - share) + share * load) * days for share in CONTACT_SHARES])
    likelihood = (counts * np.log(np.where(mixed > 0, mixed, 1.0))).sum(axis=2)
    return np.asarray(mixed[likelihood.argmax(axis=0), np.arange(len(counts))])


def _delivered(series: DailySeries) -> Floats | None:
    """Deliveries where the channel's feed tells them, else contacts."""
    contacts, delivered = series.counts.get("contacts"), series.counts.get("deliveries")
    if contacts is None or delivered is None:
        return contacts
    told = np.asarray(delivered.sum(axis=1) > 0.5 * contacts.sum(axis=1), dtype=bool)
    return np.where(told[:, None], delivered, contacts)


def over_channels(counts: Floats, exposure: Floats, keys: pd.DataFrame) -> tuple[Floats, Floats]:
    """Count and exposure of the series of channel ``all``, free of the channel mix.

    More display beside the same mail lowers the rate of all channels together although no channel is answered less. So
    each channel's contacts count by the channel's own rate over the history: exposure_all = sum_c n_c r_c / r.
    Acts of channels nobody is contacted by (visits) are left out of the count.
    """
    counts, exposure = counts.copy(), exposure.copy()
    is_all = np.asarray(keys["channel"] == ALL, dtype=bool)
    segments = keys["segment"].astype(str).to_list()
    for place in np.flatnonzero(is_all):
        parts = np.flatnonzero(~is_all & np.array([name == segments[place] for name in segments], dtype=bool))
        parts = parts[exposure[parts].sum(axis=1) > 0]
        total = exposure[parts].sum()
        if not len(parts) or counts[parts].sum() <= 0:
            continue
        rates = counts[parts].sum(axis=1) / exposure[parts].sum(axis=1)
        counts[place] = np.where(exposure[parts] > 0, counts[parts], 0.0).sum(axis=0)
        exposure[place] = (rates @ exposure[parts]) * total / counts[parts].sum()
    return counts, exposure
