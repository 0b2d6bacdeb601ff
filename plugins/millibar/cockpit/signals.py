"""The signs as the page shows them: alerts with cause, drivers and plan, and every sign by every channel."""

from __future__ import annotations

from typing import Any

from millibar.cockpit import wording
from millibar.cockpit.reading import Row

EVERY_CHANNEL = "all"
DAILY_SIGNS = frozenset({"complaint_wave", "sales_fall"})  # counted a day; the other signs are rates
DRIVERS_SHOWN = 3
NO_ACTION = {
    "expected": "Nothing: season and calendar explain it.",
    "shifted": "Nothing against it: write to these customers where they answer.",
    "incident": "Note it; no action unless it comes back.",
}
CHIPS = {
    "alert": ("Alert", "chip-over"),
    "trend": ("Trend", "chip-under"),
    "incident": ("Incident", "chip-plain"),
    "shifted": ("Moved", "chip-good"),
    "expected": ("Expected", "chip-good"),
    "nothing": ("Quiet", "chip-plain"),
    "not_judged": ("", ""),
}


def alert_table(alerts: list[Row], drivers: list[Row]) -> list[Row]:
    """A line an alert, incident, trend or explained fall, with its largest drivers."""
    severities = [wording.number(row["severity"]) or 0.0 for row in alerts]
    worst = max(severities, default=0.0)
    return [
        {
            "verdict": _verdict(row),
            "is_high": row["severity_level"] == "high" and bool(row["alert"]),
            "severity": wording.count(row["severity"]),
            "severity_share": round(severity / worst, 3) if worst > 0 else 0,
            "sign": row["sign_label"] or row["sign"],
            "channel": _channel(row),
            "segment": "" if row["segment"] in (None, "", EVERY_CHANNEL) else row["segment"],
            "measured": wording.measured(row["observed"], row["expected"], daily=row["sign"] in DAILY_SIGNS),
            "since": f"since {wording.day(row['since'])}" if row["since"] else "",
            "cause": row["cause"] or "No cause stands out yet.",
            "drivers": _drivers(row, drivers),
            "action": row["action"] or NO_ACTION.get(row["verdict"], "Watch it; no plan is written for this sign."),
            "owner": row["owner"] or "",
            "expires": f"until {wording.day(row['expires_on'])}" if row["expires_on"] else "",
        }
        for row, severity in zip(alerts, severities, strict=True)
    ]


def false_alarm_words(alerts: list[Row]) -> str:
    """How often an alert of this kind is nobody's fault; empty where nothing is known of it."""
    rates = [wording.number(row["false_alarms_per_100_series_years"]) for row in alerts if row["alert"]]
    known = [rate for rate in rates if rate is not None]
    if not known:
        return ""
    return f"Watched for a hundred years, a series without any fault would raise about {max(known):.0f} of them."


def matrix(rows: list[Row]) -> dict[str, Any]:
    """Channels across, signs down; a cell says what the sign's newest verdict on the channel is."""
    channels = sorted({(row["channel"] != EVERY_CHANNEL, _channel(row), row["channel"]) for row in rows})
    cells: dict[str, dict[str, Row]] = {}
    labels: dict[str, str] = {}
    for row in rows:
        labels[row["sign"]] = row["sign_label"] or row["sign"]
        cells.setdefault(row["sign"], {})[row["channel"]] = row
    judged = [key for key in channels if any(_is_judged(own.get(key[2])) for own in cells.values())]
    return {
        "channels": [label for _, label, _ in judged],
        "lines": [
            {"label": label, "cells": [_cell(cells[sign].get(channel)) for _, _, channel in judged]}
            for sign, label in sorted(labels.items(), key=lambda item: item[1])
        ],
    }


def _is_judged(row: Row | None) -> bool:
    return row is not None and row["verdict"] != "not_judged"


def _cell(row: Row | None) -> Row:
    word, chip = CHIPS.get(row["verdict"], ("", "")) if row else ("", "")
    if row is None or not word:
        return {"word": "", "chip": "", "effect": "", "segments": ""}
    effect = wording.number(row["effect"])
    striking = int(row["segments_alerting"] or 0)
    return {
        "word": word,
        "chip": chip,
        "effect": "" if effect is None else f"{effect * 100:+.0f}%",
        "segments": f"{striking} of {int(row['segments'])} alert" if striking else "",
    }


def _verdict(row: Row) -> Row:
    word, chip = CHIPS.get(row["verdict"] or "", CHIPS["alert" if row["alert"] else "incident"])
    told = {"shifted": f"to {row['shifted_to']}" if row["shifted_to"] else ""}
    return {"word": word, "chip": chip, "more": told.get(row["verdict"] or "", "")}


def _channel(row: Row) -> str:
    return "All channels" if row["channel"] == EVERY_CHANNEL else str(row["channel_label"] or row["channel"])


def _drivers(alert: Row, drivers: list[Row]) -> list[str]:
    """The largest parts of what is missing or too much, as "campaign X 62%"."""
    own = [row for row in drivers if all(row[name] == alert[name] for name in ("sign", "channel", "segment"))]
    told = [row for row in own if not str(row["driver"]).startswith("(") and (wording.number(row["share"]) or 0.0) > 0]
    told.sort(key=lambda row: -(wording.number(row["share"]) or 0.0))
    return [f"{_kind(row['kind'])} {row['driver']}: {wording.share(row['share'])}" for row in told[:DRIVERS_SHOWN]]


def _kind(kind: str) -> str:
    return str(kind).replace("_", " ")
