"""Values for an operator's eyes: enough to tell two apart, not enough to write to somebody."""

from __future__ import annotations


def masked(value: str | None) -> str:
    """First two characters and the last, stars between; of an e-mail the domain stays. Short values are all stars."""
    if not value:
        return ""
    local, mark, domain = value.rpartition("@")
    if mark:
        return f"{masked(local)}@{domain}"
    return value[:2] + "***" + value[-1] if len(value) > 4 else "***"
