"""Tables for a terminal."""

from __future__ import annotations


def aligned(columns: dict[str, list[str]]) -> list[str]:
    """Rows under their heads, two blanks before; the first column to the left, the others, numbers, to the right."""
    padded = []
    for place, (name, texts) in enumerate(columns.items()):
        width = max(len(text) for text in (name, *texts))
        padded.append([text.rjust(width) if place else text.ljust(width) for text in (name.strip(), *texts)])
    return ["  " + "  ".join(row).rstrip() for row in zip(*padded, strict=True)]
