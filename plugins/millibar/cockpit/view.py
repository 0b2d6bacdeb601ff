"""View: a publication as the page shows it (texts, ready to be escaped) and as the charts draw it (numbers)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from millibar.cockpit import leaving, money, signals, wording
from millibar.cockpit.reading import ALERTS_SHOWN, Row, Snapshot

STALE_AFTER_HOURS = 36  # a daily run that is half a day late
EVERY_CHANNEL = "all"
BASELINE_MODEL = "last"  # what most tools report: drawn beside every other model
MEASURES = ("conversions", "revenue")
STATES = ("under", "balanced", "over")
# chosen, not estimated
RULES = frozenset({
    "first", "last", "last_non_direct", "linear", "position", "j_shaped", "inverse_j", "time_decay", "same_touch",
    "participation",
})  # fmt: skip

# Order of the switch, and what each model believes, for somebody who has never read about it.
MODELS = {
    "markov_shapley": "Each channel's fair share of what would be lost if it and others vanished from the paths.",
    "calibrated": "What holdout experiments say a channel caused; (base) would have come without any of them.",
    "markov": "Credit by what would be lost if the channel vanished from the paths customers take.",
    "time_to_conversion": "Credit by how much a contact of the channel, and of that age, hastened the conversion.",
    "shapley": "Credit by the channel's average gain over all teams of channels it appeared in.",
    "shapley_ordered": "As Shapley; the contact at which the channel came in carries its share.",
    "position": "40% to the first and to the last contact, the rest shared by those between.",
    "j_shaped": "60% to the last contact, 20% to the first, the rest shared by those between.",
    "inverse_j": "60% to the first contact, 20% to the last, the rest shared by those between.",
    "time_decay": "The nearer a contact is to the conversion, the more credit it gets.",
    "linear": "Every contact of a journey gets the same credit.",
    "first": "All credit to the first contact.",
    "last": "All credit to the last contact before the conversion.",
    "last_non_direct": "All credit to the last contact that was not a direct visit.",
    "same_touch": "All credit to the contact just before the conversion, else to the place it happened in.",
    "participation": "Full credit to every channel that took part: the sum exceeds the conversions.",
}


@dataclass(frozen=True)
class Figure:
    """One of the five figures: what, how much, and the sentence that puts it into proportion."""

    title: str
    value: str
    note: str
    tone: str = ""


@dataclass(frozen=True)
class Model:
    """An attribution model as the switch offers it, with the published rows of its channels."""

    key: str
    label: str
    words: str
    channels: list[Row]


def page(snapshot: Snapshot, model: str, measure: str) -> dict[str, Any]:
    """Everything the page's template writes; ``model`` and ``measure`` may be unknown, a default is taken then."""
    timezone = ZoneInfo(snapshot.timezone_name)
    figures = _key_figures(snapshot)
    currency = figures.get("currency") or "EUR"
    models = list(attribution_models(snapshot))
    alerts = snapshot.rows("rpt_alert")
    return {
        "freshness": _freshness(snapshot, timezone),
        "figures": list(_five_figures(figures, currency, timezone)) if figures else [],
        "models": [_credit_table(model, currency) for model in models],
        "model": shown_model(models, model),
        "measure": measure if measure in MEASURES else MEASURES[0],
        "plan": money.budget_plan(snapshot.rows("rpt_budget_plan"), currency),
        "moves": money.moves(snapshot.rows("rpt_attribution_change")),
        "pressure": _pressure_table(snapshot),
        "alerts": signals.alert_table(alerts, snapshot.rows("rpt_alert_driver")),
        "false_alarms": signals.false_alarm_words(alerts),
        "matrix": signals.matrix(snapshot.rows("rpt_signal_matrix")),
        "alerts_cut": len(alerts) >= ALERTS_SHOWN,
        "bands": leaving.band_table(snapshot.rows("rpt_churn_risk"), currency),
        "churn_quality": leaving.quality_words(snapshot.rows("rpt_churn_quality")),
        "keep": leaving.first_to_keep(snapshot.rows("rpt_churn_customer"), currency, timezone),
        "attrition": leaving.attrition_table(snapshot.rows("rpt_channel_attrition")),
        "moments": leaving.moment_table(snapshot.rows("rpt_best_moment")),
        "sources": _source_table(snapshot),
    }


def charts(snapshot: Snapshot | None) -> dict[str, Any]:
    """What the charts draw, as JSON: numbers beside the texts they are labelled with."""
    if snapshot is None:
        return {"published": False, "models": {}, "pressure": [], "baseline": BASELINE_MODEL}
    currency = _key_figures(snapshot).get("currency") or "EUR"
    return {
        "published": True,
        "as_of": snapshot.publication.as_of.isoformat(),
        "currency": currency,
        "baseline": BASELINE_MODEL,
        "models": {
            model.key: {
                "label": model.label,
                "channels": [_credit_bars(row, currency) for row in model.channels],
            }
            for model in attribution_models(snapshot)
        },
        "pressure": [
            {
                "channel": line["channel"],
                "label": line["label"],
                "states": {state: line[state] for state in STATES},
            }
            for line in _pressure_table(snapshot)
        ],
    }


def attribution_models(snapshot: Snapshot) -> Iterable[Model]:
    """The published models: those this page knows in its own order, then any other by label."""
    by_key: dict[str, list[Row]] = {}
    for row in snapshot.rows("rpt_channel_performance"):
        by_key.setdefault(row["model"], []).append(row)
    known = [key for key in MODELS if key in by_key]
    others = sorted(by_key.keys() - MODELS.keys(), key=lambda key: (by_key[key][0]["model_label"] or key, key))
    for key in known + others:
        rows = by_key[key]
        yield Model(key, rows[0]["model_label"] or key, MODELS.get(key, ""), rows)


def shown_model(models: list[Model], wanted: str) -> str:
    """The wanted model where it is published, else the warehouse's default, else the first; empty where none is."""
    keys = [model.key for model in models]
    defaults = [model.key for model in models if model.channels[0]["is_default"]]
    return next((key for key in (wanted, *defaults, *keys) if key in keys), "")


def _key_figures(snapshot: Snapshot) -> Row:
    rows = snapshot.rows("rpt_key_figures")
    return rows[0] if rows else {}


def _freshness(snapshot: Snapshot, timezone: tzinfo) -> dict[str, Any]:
    publication = snapshot.publication
    hours = max(0.0, (datetime.now(UTC) - publication.published_at).total_seconds() / 3600)
    return {
        "is_stale": hours > STALE_AFTER_HOURS,
        "age": wording.age(hours),
        "as_of": wording.day(publication.as_of),
        "published_at": wording.moment(publication.published_at, timezone),
        "timezone": snapshot.timezone_name,
        "run_id": publication.run_id,
        "rows": wording.count(publication.rows),
    }


def _five_figures(figures: Row, currency: str, timezone: tzinfo) -> Iterable[Figure]:
    known, customers = wording.number(figures["customers_known"]), wording.number(figures["customers"])
    part = f"{wording.share(known / customers)} of {wording.count(customers)} customers" if known and customers else ""
    records = f"from {wording.count(figures['records'])} records"
    yield Figure("Customers known", wording.short_count(known), f"{part}, {records}" if part else records)
    yield Figure(
        "Revenue, last 30 days",
        wording.short_money(figures["revenue_30d"], currency),
        f"{wording.count(figures['conversions_30d'])} conversions",
    )
    yield Figure(
        "Touchpoints",
        wording.short_count(figures["touchpoints"]),
        f"newest on {wording.moment(figures['last_event_at'], timezone)}",
    )
    over = wording.number(figures["customers_over"]) or 0.0
    rated = over + sum(wording.number(figures[f"customers_{state}"]) or 0.0 for state in ("under", "balanced"))
    yield Figure(
        "Over-pressed customers",
        wording.share(over / rated) if rated else wording.ABSENT,
        f"{wording.count(over)} of {wording.count(rated)} customers rated" if rated else "no customer rated yet",
        "over" if over else "",
    )
    alerts = wording.number(figures["alerts"]) or 0.0
    yield Figure(
        "Alerts",
        wording.count(alerts),
        "signs that last, not one-day spikes" if alerts else "no sign out of its usual range",
        "over" if alerts else "",
    )


def _credit_table(model: Model, currency: str) -> dict[str, Any]:
    lines = [
        {
            "label": row["channel_label"] or row["channel"],
            "conversions": wording.count(row["conversions"]),
            "conversions_interval": _interval(row, "conversions", wording.count),
            "revenue": wording.money(row["revenue"], currency),
            "revenue_interval": _interval(row, "revenue", lambda amount: wording.money(amount, currency)),
            "revenue_share": wording.share(row["revenue_share"]),
            "cost": wording.money(row["cost"], currency),
            "roas": wording.times(row["roas"]),
            "cpa": wording.money(row["cpa"], currency),
        }
        for row in model.channels
    ]
    has_intervals = any(line["conversions_interval"] or line["revenue_interval"] for line in lines)
    if has_intervals:
        certainty = "The line over a bar is the 95% interval."
    elif model.key in RULES:
        certainty = "A rule, not an estimate: it has no interval."
    else:
        certainty = "No interval is published for this model."
    return {"key": model.key, "label": model.label, "words": f"{model.words} {certainty}".strip(), "lines": lines}


def _interval(row: Row, measure: str, write: Any) -> str:
    low, high = wording.number(row[f"{measure}_low"]), wording.number(row[f"{measure}_high"])
    return "" if low is None or high is None else f"{write(low)} to {write(high)}"


def _credit_bars(row: Row, currency: str) -> dict[str, Any]:
    return {
        "channel": row["channel"],
        "label": row["channel_label"] or row["channel"],
        "conversions": _bar(row, "conversions", wording.count),
        "revenue": _bar(row, "revenue", lambda amount: wording.money(amount, currency)),
    }


def _bar(row: Row, measure: str, write: Any) -> dict[str, Any]:
    return {
        "value": wording.number(row[measure]),
        "low": wording.number(row[f"{measure}_low"]),
        "high": wording.number(row[f"{measure}_high"]),
        "text": write(row[measure]),
        "interval": _interval(row, measure, write),
    }


def _pressure_table(snapshot: Snapshot) -> list[Row]:
    """A line a channel, all channels together first, then by the customers it presses too hard."""
    lines: dict[str, Row] = {}
    for row in snapshot.rows("rpt_pressure_state"):
        label = "All channels" if row["channel"] == EVERY_CHANNEL else row["channel_label"] or row["channel"]
        line = lines.setdefault(row["channel"], {"channel": row["channel"], "label": label, "counted": {}})
        line["counted"][row["state"]] = wording.number(row["customers"]) or 0.0
    for line in lines.values():
        total = sum(line["counted"].get(state, 0.0) for state in STATES)
        line["customers"] = wording.count(total)
        for state in STATES:
            customers = line["counted"].get(state, 0.0)
            part = customers / total if total else 0.0
            line[state] = {
                "customers": customers,
                "share": part,
                "text": wording.count(customers),
                "share_text": wording.share(part),
            }
    return sorted(lines.values(), key=_most_pressed_first)


def _most_pressed_first(line: Row) -> tuple[bool, float, str]:
    return line["channel"] != EVERY_CHANNEL, -line["over"]["share"], line["label"]


def _source_table(snapshot: Snapshot) -> dict[str, Any]:
    rows = snapshot.rows("rpt_load_quality")
    read = sum(wording.number(row["rows_read"]) or 0.0 for row in rows)
    rejected = sum(wording.number(row["rows_rejected"]) or 0.0 for row in rows)
    delivered = [row["last_delivered_on"] for row in rows if row["last_delivered_on"]]
    lines = [
        {
            "source": row["source"],
            "feed": row["feed"],
            "last_delivered_on": wording.day(row["last_delivered_on"]),
            "rows_read": wording.count(row["rows_read"]),
            "rows_loaded": wording.count(row["rows_loaded"]),
            "rows_duplicate": wording.count(row["rows_duplicate"]),
            "rows_rejected": wording.count(row["rows_rejected"]),
            "rejected_share": wording.share(row["rejected_share"]),
            "failed": wording.count(row["batches_failed"]) if row["batches_failed"] else "",
            "top_reason": row["top_reason"] or "",
        }
        for row in rows
    ]
    return {
        "lines": lines,
        "failed": wording.count(sum(row["batches_failed"] or 0 for row in rows)),
        "rows_read": wording.count(read),
        "rejected_share": wording.share(rejected / read if read else 0.0),
        "last_delivered_on": wording.day(max(delivered, default=None)),
    }
