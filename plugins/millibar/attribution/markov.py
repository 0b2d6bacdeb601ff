"""First-order Markov chain of channels, solved exactly: conversion rate, removal effects, transition table.

With counts n_ij, row totals n_i, Q = n_ij / n_i, r = n_i* / n_i, p start shares:
    N = (I - Q)^-1,  u = N r,  x = p' N,  R = p' u,  RE_c = x_c u_c / (N_cc R)
RE_c is the share of R that is lost when every visit to c leads to a loss. For revenue r_i is the value ending in i
divided by n_i, and R the value of one journey.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.attribution.paths import Floats, Paths

START, CONVERSION, LOSS = "(start)", "(conversion)", "(null)"


@dataclass(frozen=True)
class Counts:
    """Counts of a chain; leading axes, if any, are replicates.

    ``moves``: (..., C, C). ``first``: (..., C). ``converted``, ``lost``, ``value``: (..., C), by last channel.
    """

    moves: Floats
    first: Floats
    converted: Floats
    lost: Floats
    value: Floats

    @property
    def visits(self) -> Floats:
        """Row totals n_i; shape (..., C)."""
        return np.asarray(self.moves.sum(axis=-1) + self.converted + self.lost)


def count_chain(paths: Paths, conversions: Floats, losses: Floats, value: Floats) -> Counts:
    """Counts of the chain for weights of shape (paths,), or (paths, replicates): the replicates come first out."""
    size = len(paths.channels)
    taken, last = paths.transitions()
    moved = np.moveaxis(np.asarray(taken.T @ (conversions + losses)), 0, -1)
    moved = moved.reshape(*moved.shape[:-1], size + 1, size)
    ends = [np.moveaxis(_sum_by(last, weights, size), 0, -1) for weights in (conversions, losses, value)]
    return Counts(moved[..., :size, :], moved[..., size, :], *ends)


def removal_effects(counts: Counts, reward: Floats) -> tuple[Floats, Floats]:
    """Removal effect of every channel and the reward of one journey.

    ``reward``: what ends in each channel (``counts.converted`` or ``counts.value``), shape (..., C).
    Returns (effects (..., C), rate (...)); a channel without flow, or a chain without reward, has effect 0.
    """
    visits = counts.visits
    per_visit = 1.0 / np.where(visits > 0, visits, 1.0)
    journeys = counts.first.sum(axis=-1, keepdims=True)
    start = counts.first / np.where(journeys > 0, journeys, 1.0)
    moves = counts.moves * per_visit[..., None]
    fundamental = np.linalg.inv(np.eye(moves.shape[-1]) - moves)
    rewards = np.einsum("...ij,...j->...i", fundamental, reward * per_visit)
    expected_visits = np.einsum("...i,...ij->...j", start, fundamental)
    rate = (start * rewards).sum(axis=-1)
    returns = np.diagonal(fundamental, axis1=-2, axis2=-1)
    scale = returns * np.where(rate > 0, rate, 1.0)[..., None]
    return np.where(rate[..., None] > 0, expected_visits * rewards / scale, 0.0), rate


def shares(effects: Floats) -> Floats:
    """Effects scaled to sum to 1 over the last axis; all 0 where there is no effect at all."""
    total = effects.sum(axis=-1, keepdims=True)
    return np.asarray(effects / np.where(total > 0, total, 1.0))


def transition_table(paths: Paths) -> pd.DataFrame:
    """from_channel, to_channel, transitions, probability (of a from_channel they sum to 1).

    ``(start)``, ``(conversion)`` and ``(null)`` are states; moves never seen are left out.
    """
    counts = count_chain(paths, paths.conversions, paths.losses, paths.value)
    table = np.vstack(
        [
            np.c_[counts.moves, counts.converted, counts.lost],
            np.r_[counts.first, 0.0, 0.0],
        ]
    )
    sources, targets = [*paths.channels, START], [*paths.channels, CONVERSION, LOSS]
    rows, columns = np.nonzero(table)
    transitions = table[rows, columns]
    return pd.DataFrame(
        {
            "from_channel": np.asarray(sources, dtype=object)[rows],
            "to_channel": np.asarray(targets, dtype=object)[columns],
            "transitions": transitions,
            "probability": transitions / table.sum(axis=1)[rows],
        }
    )


def _sum_by(groups: np.ndarray, weights: Floats, size: int) -> Floats:
    """Sums of ``weights`` (paths, ...) by group; shape (size, ...)."""
    sums = np.zeros((size, *weights.shape[1:]))
    np.add.at(sums, groups, weights)
    return sums
