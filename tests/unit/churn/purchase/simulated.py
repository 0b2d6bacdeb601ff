"""Customers who buy as the purchase models say, with what they do after the cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Played:
    """Shape (customers,) each: the history to the cut, life at the cut, orders within the horizon after it."""

    repeats: Floats
    recency: Floats
    age: Floats
    is_alive: npt.NDArray[np.bool_]
    later: Floats


def play(model: str, values: dict[str, float], customers: int, age: Floats, horizon: float, seed: int) -> Played:
    """Purchases one by one, so that nothing is shared with the formulas under test."""
    random = np.random.default_rng(seed)
    rate = random.gamma(values["r"], 1 / values["alpha"], customers)
    if model == "pareto_nbd":
        leaves_at = random.exponential(1 / random.gamma(values["s"], 1 / values["beta"], customers))
        chance = np.zeros(customers)
    else:
        leaves_at = np.full(customers, np.inf)
        chance = random.beta(values["a"], values["b"], customers)
        if model == "mbg_nbd":
            leaves_at[random.random(customers) < chance] = 0.0
    now, repeats, recency, later = (np.zeros(customers) for _ in range(4))
    is_alive = leaves_at > age
    going = np.flatnonzero(leaves_at > 0)
    while len(going):
        with np.errstate(divide="ignore", over="ignore"):
            now[going] += random.exponential(1.0, len(going)) / rate[going]
        going = going[now[going] <= np.minimum(age[going] + horizon, leaves_at[going])]
        before = now[going] <= age[going]
        repeats[going[before]] += 1
        recency[going[before]] = now[going[before]]
        later[going[~before]] += 1
        left = random.random(len(going)) < chance[going]
        leaves_at[going[left]] = now[going[left]]
        is_alive[going[left & before]] = False
        going = going[~left]
    return Played(repeats, recency, age, is_alive, later)
