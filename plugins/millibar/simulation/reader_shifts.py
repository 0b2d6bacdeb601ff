"""Readers of the newsletter who move to the app together: an event of the market, and no loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from millibar.simulation.draws import Draws
from millibar.simulation.incidents import Incidents
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.persons import Persons

_EMAIL, _APP = CHANNEL_NUMBER["email"], CHANNEL_NUMBER["push_app"]


def move_readers(persons: Persons, incidents: Incidents, draws: Draws) -> Persons:
    """The persons after every ``reader_shift``: some of those with mail and app move within its days.

    ``factor`` of the event is the share that moves, ``segment`` whom it concerns. Who would have moved earlier by
    himself still does; nobody moves before he has come.
    """
    shift_day, shift_to = persons.shift_day.copy(), persons.shift_to.copy()
    for shift in incidents.of_kind("reader_shift"):
        length = shift.last_day - shift.first_day + 1
        day = shift.first_day + draws.integers("reader_shift_day", persons.key, length, shift.first_day)
        concerned = persons.reachable[_EMAIL] & persons.reachable[_APP] & (persons.entry_day <= shift.first_day)
        if shift.segment >= 0:
            concerned &= persons.segment == shift.segment
        moves = concerned & (draws.uniform("reader_shift", persons.key, shift.first_day) < shift.factor)
        shift_to = np.where(moves, _APP, shift_to)
        shift_day = np.where(moves, np.minimum(day, shift_day), shift_day)
    return replace(persons, shift_day=shift_day, shift_to=shift_to)
