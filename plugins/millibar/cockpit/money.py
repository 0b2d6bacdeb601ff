"""Where the next euro works hardest, and what moved: the budget plan and the comparison of two periods, in words."""

from __future__ import annotations

from typing import Any

from millibar.cockpit import wording
from millibar.cockpit.reading import Row

LEAST_MOVE = 0.005  # a change of spend below this share is "keep"
OVERLAP = " The intervals overlap: try the move on a part of the customers before you believe it."


def budget_plan(rows: list[Row], currency: str) -> dict[str, Any]:
    """The plan's lines, most to gain first, and its total in one sentence; no lines where nothing is published."""
    ordered = sorted(rows, key=lambda row: (-_moved(row), row["channel"]))
    return {"lines": [_plan_line(row, currency) for row in ordered], "words": _plan_words(rows, currency)}


def moves(rows: list[Row]) -> dict[str, Any]:
    """Channels whose share changed between two periods by more than noise, largest first, and how many did not."""
    real = sorted((row for row in rows if row["is_real"]), key=lambda row: -abs(wording.number(row["change"]) or 0.0))
    periods = ""
    if rows:
        first = rows[0]
        periods = (
            f"{wording.day(first['first_now'])} to {wording.day(first['last_now'])} against "
            f"{wording.day(first['first_before'])} to {wording.day(first['last_before'])}, "
            f"model {first['model_label']}"
        )
    return {
        "compared": bool(rows),
        "periods": periods,
        "lines": [
            {
                "label": row["channel_label"] or row["channel"],
                "before": wording.share(row["share_before"]),
                "now": wording.share(row["share_now"]),
                "change": _points(row["change"]),
                "interval": f"{_points(row['change_low'])} to {_points(row['change_high'])}",
                "volume": _signed(row["volume_effect"]),
                "share": _signed(row["share_effect"]),
            }
            for row in real
        ],
        "steady": len(rows) - len(real),
    }


def _plan_line(row: Row, currency: str) -> dict[str, Any]:
    return {
        "label": row["channel_label"] or row["channel"],
        "current": wording.money(row["current_spend"], currency),
        "recommended": wording.money(row["recommended_spend"], currency),
        "change": _change_of_spend(row),
        "marginal": wording.times(row["marginal_return"]),
        "marginal_interval": " to ".join(wording.times(row[f"marginal_return_{end}"]) for end in ("low", "high")),
        "expected": wording.money(row["expected_revenue"], currency),
        "expected_interval": (
            f"{wording.money(row['expected_low'], currency)} to {wording.money(row['expected_high'], currency)}"
        ),
        "basis": row["basis"] or "",
    }


def _change_of_spend(row: Row) -> str:
    part = wording.number(row["spend_change_share"])
    if part is None or abs(part) < LEAST_MOVE:
        return "keep"
    return f"{part * 100:+.0f}%{' (the most allowed)' if row['is_limited'] else ''}"


def _plan_words(rows: list[Row], currency: str) -> str:
    spend, gain = (sum(wording.number(row[name]) or 0.0 for row in rows) for name in ("current_spend", "expected_gain"))
    moved = sum(max(_moved(row), 0.0) for row in rows)
    if moved < LEAST_MOVE * spend:
        return f"The {wording.money(spend, currency)} of the window are spread well: no move is worth making."
    return (
        f"Of the {wording.money(spend, currency)} of the window, moving {wording.money(moved, currency)} as below is "
        f"expected to bring {wording.money(gain, currency)} more from the same money."
        f"{'' if _is_sure(rows) else OVERLAP}"
    )


def _is_sure(rows: list[Row]) -> bool:
    """Whether every channel that gets more surely returns more, for the next unit, than every one that gets less."""
    gains = [wording.number(row["marginal_return_low"]) or 0.0 for row in rows if _moved(row) > 0]
    losses = [wording.number(row["marginal_return_high"]) or 0.0 for row in rows if _moved(row) < 0]
    return min(gains, default=0.0) >= max(losses, default=0.0)


def _moved(row: Row) -> float:
    return wording.number(row["spend_change"]) or 0.0


def _points(value: Any) -> str:
    """A difference of shares in percentage points: +1.4."""
    part = wording.number(value)
    return wording.ABSENT if part is None else f"{part * 100:+.1f}"


def _signed(value: Any) -> str:
    amount = wording.number(value)
    return (
        wording.ABSENT
        if amount is None
        else f"{'+' if amount > 0 else '-' if amount < 0 else ''}{wording.count(abs(amount))}"
    )
