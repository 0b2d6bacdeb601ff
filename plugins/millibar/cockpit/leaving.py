"""Who is leaving, from which channel, and when to speak instead: the tables of churn, attrition and moments."""

from __future__ import annotations

from datetime import tzinfo

from millibar.cockpit import wording
from millibar.cockpit.reading import Row

BANDS = {
    "high": ("High", "chip-over"),
    "medium": ("Medium", "chip-under"),
    "low": ("Low", "chip-good"),
    "lost": ("Lost", "chip-plain"),
}
VERDICTS = ("active", "drifting", "shifted", "gone")
RISK, RECENCY = "churn_risk", "recency"


def band_table(rows: list[Row], currency: str) -> list[Row]:
    """A line a band, worst first: how many, what is at stake, what to do."""
    by_band = {row["risk_band"]: row for row in rows}
    return [
        {
            "word": word,
            "chip": chip,
            "customers": wording.count(row["customers"]),
            "share": wording.share(row["share"]),
            "at_risk": wording.short_money(row["value_at_risk"], currency),
            "active": wording.share(row["mean_p_active"]),
            "action": row["action"] or "Watch them; no plan is written for this band.",
            "owner": row["owner"] or "",
        }
        for band, (word, chip) in BANDS.items()
        if (row := by_band.get(band)) is not None
    ]


def quality_words(rows: list[Row]) -> str:
    """How right the risk was on the last complete period, beside the days since the last order; empty without one."""
    by_model = {row["model"]: row for row in rows}
    risk, recency = by_model.get(RISK), by_model.get(RECENCY)
    if risk is None or wording.number(risk["auc"]) is None:
        return ""
    words = (
        f"In the {risk['horizon_days']} days to {wording.day(risk['as_of'])}, of one customer who ordered and one who "
        f"did not, the score had put the right one first in {wording.share(risk['auc'])} of all pairs"
    )
    if recency is not None and wording.number(recency["auc"]) is not None:
        words += f" (days since the last order alone: {wording.share(recency['auc'])})"
    expected, came = wording.share(risk["predicted_share"]), wording.share(risk["observed_share"])
    return f"{words}. It expected {expected} to order; {came} did."


def first_to_keep(rows: list[Row], currency: str, timezone: tzinfo) -> list[Row]:
    """The customers whose loss would cost most, with the reasons and the moment to speak to them."""
    return [
        {
            "customer": str(row["customer_id"]),
            "word": BANDS.get(row["risk_band"], (row["risk_band"], ""))[0],
            "chip": BANDS.get(row["risk_band"], ("", "chip-plain"))[1],
            "at_risk": wording.short_money(row["expected_loss"], currency),
            "active": wording.share(row["p_active"]),
            "reasons": [row[name] for name in ("main_reason", "second_reason", "third_reason") if row[name]],
            "action": row["action"] or "",
            "moment": _moment(row, timezone),
        }
        for row in rows
    ]


def attrition_table(rows: list[Row]) -> list[Row]:
    """A line a channel: the shares of who is active, drifting, moved elsewhere and gone, and where the movers went."""
    channels: dict[str, dict[str, float]] = {}
    labels: dict[str, str] = {}
    moves: dict[str, dict[str, float]] = {}
    for row in rows:
        channel, customers = row["channel"], float(row["customers"])
        labels[channel] = row["channel_label"] or channel
        verdicts = channels.setdefault(channel, dict.fromkeys(VERDICTS, 0.0))
        verdicts[row["verdict"]] = verdicts.get(row["verdict"], 0.0) + customers
        if row["shifted_to"]:
            target = row["shifted_to_label"] or row["shifted_to"]
            moves.setdefault(channel, {})[target] = moves.get(channel, {}).get(target, 0.0) + customers
    return [
        {
            "label": labels[channel],
            "customers": wording.count(sum(verdicts.values())),
            "moved_to": _first(moves.get(channel, {})),
        }
        | {
            name: {"text": wording.count(number), "share": wording.share(number / sum(verdicts.values()))}
            for name, number in verdicts.items()
        }
        for channel, verdicts in sorted(channels.items(), key=lambda item: labels[item[0]])
        if sum(verdicts.values())
    ]


def moment_table(rows: list[Row]) -> list[Row]:
    """A line a channel: the hours best for most customers, and what answering at one's own best moment is worth."""
    channels: dict[str, list[Row]] = {}
    for row in rows:
        channels.setdefault(row["channel"], []).append(row)
    return [_hours(own) for own in sorted(channels.values(), key=lambda own: own[0]["channel_label"] or "")]


def _hours(own: list[Row]) -> Row:
    customers = sum(float(row["customers"]) for row in own)
    best = sum(float(row["customers"]) * (wording.number(row["expected_response"]) or 0.0) for row in own) / customers
    usual = sum(float(row["customers"]) * (wording.number(row["usual_response"]) or 0.0) for row in own) / customers
    common = sorted(own, key=lambda row: (-float(row["customers"]), row["hour"]))[:3]
    learned = sum(float(row["customers_learned"]) + float(row["customers_stated"]) for row in own)
    return {
        "label": own[0]["channel_label"] or own[0]["channel"],
        "customers": wording.count(customers),
        "hours": ", ".join(f"{int(row['hour'])} h" for row in common),
        "personal": wording.share(learned / customers),
        "best": wording.share(best),
        "usual": wording.share(usual),
        "gain": f"{(best / usual - 1) * 100:+.0f}%" if usual > 0 else "",
    }


def _moment(row: Row, timezone: tzinfo) -> str:
    if row["next_moment_at"] is None:
        return "not now"
    return f"{row['channel_label'] or row['channel']}, {wording.moment(row['next_moment_at'], timezone)}"


def _first(moves: dict[str, float]) -> str:
    """The targets of the movers, largest first."""
    told = sorted(moves.items(), key=lambda item: (-item[1], item[0]))[:2]
    return ", ".join(f"{target} {wording.count(number)}" for target, number in told)
