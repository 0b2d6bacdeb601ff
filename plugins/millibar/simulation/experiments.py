"""Randomised holdouts: who is assigned, to which arm, and who is therefore not contacted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.simulation.draws import Array, Draws
from millibar.simulation.parameters import CHANNEL_NUMBER, MarketParameters

UNASSIGNED, TREATED, HOLDOUT = 0, 1, 2


@dataclass(frozen=True)
class Experiment:
    """One experiment; channel -1 is the frequency test, in which the holdout arm gets half of everything."""

    number: int
    name: str
    channel: int
    first_day: int
    last_day: int
    arm: Array  # per person: UNASSIGNED, TREATED or HOLDOUT


class Experiments:
    """The experiments of a market and the contacts they hold back."""

    def __init__(self, experiments: list[Experiment], draws: Draws) -> None:
        self.all = experiments
        self._draws = draws

    def holds_back(self, channel: int, day: int, index: Array, keys: Array, message: int) -> Array:
        """True for persons (places ``index``, keys ``keys``) who must not get this message."""
        held = np.zeros(len(index), dtype=bool)
        for experiment in self.all:
            if not experiment.first_day <= day <= experiment.last_day:
                continue
            in_holdout = experiment.arm[index] == HOLDOUT
            if experiment.channel == channel:
                held |= in_holdout
            elif experiment.channel == -1 and in_holdout.any():
                half = self._draws.uniform("frequency_test", keys, experiment.number, channel, message) < 0.5
                held |= in_holdout & half
        return held


def draw_experiments(
    parameters: MarketParameters, draws: Draws, keys: Array, is_known: Array, entry_day: Array
) -> Experiments:
    """Assign known persons who are there on the first day of each experiment."""
    experiments = []
    for year in range(parameters.days // 365 + 1):
        for number, template in enumerate(parameters.experiments):
            first = year * 365 + template.first_day
            if first >= parameters.days:
                continue
            place = year * len(parameters.experiments) + number
            there = is_known & (entry_day <= first)
            assigned = there & (draws.uniform("assigned", keys, place) < template.assigned)
            held = draws.uniform("arm", keys, place) < template.holdout
            arm = np.where(assigned, np.where(held, HOLDOUT, TREATED), UNASSIGNED).astype(np.int8)
            label = template.channel or "frequency"
            experiments.append(
                Experiment(
                    place,
                    f"holdout-{label.replace('_', '-')}-{place:02d}",
                    CHANNEL_NUMBER[template.channel] if template.channel else -1,
                    first,
                    first + template.length - 1,
                    arm,
                )
            )
    return Experiments(experiments, draws)
