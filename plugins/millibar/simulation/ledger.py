"""What happened in the market: columnar batches of events, orders and returns."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from millibar.simulation.draws import Array
from millibar.sources.contracts import EVENT_TYPES

EVENT_NUMBER = {name: number for number, name in enumerate(EVENT_TYPES)}
OUT, IN = 0, 1
RESOLUTIONS = ("positive", "negative", "neutral")
POSITIVE, NEGATIVE, NEUTRAL, NO_RESOLUTION = 0, 1, 2, -1
NOTHING = -1  # no campaign, no comment


@dataclass(frozen=True)
class Events:
    """Interactions, one array element each."""

    person: Array  # place of the person in the population
    at: Array  # UTC epoch seconds
    channel: Array  # number in CHANNELS
    kind: Array  # number in EVENT_TYPES
    direction: Array  # OUT or IN
    campaign: Array  # number of the campaign, NOTHING where none
    message: Array  # number of the blast, NOTHING where none
    resolution: Array
    comment: Array  # number that picks a text, NOTHING where none
    is_machine: Array  # made by a mail client or a gateway, not by a person

    def __len__(self) -> int:
        return len(self.person)

    def take(self, index: Array) -> Events:
        """These events, in that order (a mask or places)."""
        return Events(**{column.name: getattr(self, column.name)[index] for column in fields(self)})


@dataclass(frozen=True)
class Orders:
    """Orders, one array element each."""

    person: Array
    at: Array  # UTC epoch seconds
    amount: Array  # EUR
    margin: Array  # EUR
    items: Array
    is_store: Array

    def __len__(self) -> int:
        return len(self.person)


def join(batches: list[Events]) -> Events:
    """One batch out of many; an empty one out of none."""
    if not batches:
        return events(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0, 0, OUT)
    return Events(**{c.name: np.concatenate([getattr(batch, c.name) for batch in batches]) for c in fields(Events)})


def events(
    person: Array,
    at: Array,
    channel: Array | int,
    kind: Array | int,
    direction: Array | int,
    campaign: Array | int = NOTHING,
    message: Array | int = NOTHING,
    resolution: Array | int = NO_RESOLUTION,
    comment: Array | int = NOTHING,
    is_machine: Array | bool = False,
) -> Events:
    """A batch from arrays and constants."""
    size = len(person)

    def column(values: Array | int | bool, dtype: type) -> Array:
        return np.broadcast_to(np.asarray(values, dtype=dtype), (size,))

    return Events(
        person=column(person, np.int64),
        at=column(at, np.int64),
        channel=column(channel, np.int16),
        kind=column(kind, np.int16),
        direction=column(direction, np.int8),
        campaign=column(campaign, np.int64),
        message=column(message, np.int64),
        resolution=column(resolution, np.int8),
        comment=column(comment, np.int64),
        is_machine=column(is_machine, np.bool_),
    )
