"""Aggregated journeys of known Markov chains, and small tables of paths."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

CHANNELS = ["ads", "call", "mail", "push", "shop"]

# A chain over ads, call, mail: start, moves, chance to convert; the rest is lost.
START = np.array([0.5, 0.2, 0.3])
MOVES = np.array([[0.1, 0.2, 0.3], [0.1, 0.1, 0.1], [0.2, 0.05, 0.2]])
CONVERT = np.array([0.05, 0.30, 0.15])
MEAN_VALUE = 20.0


def paths_of(*rows: tuple[str, float, float, float]) -> pd.DataFrame:
    """Rows of path, conversions, losses, value; a path's conversions are worth the same each."""
    table = pd.DataFrame(rows, columns=["path", "conversions", "non_conversions", "value"])
    each = table["value"] / table["conversions"].where(table["conversions"] > 0, 1)
    return table.assign(value_squared=table["conversions"] * each**2)


path_rows = st.lists(
    st.tuples(
        st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=6).map(" > ".join),
        st.integers(0, 30),
        st.integers(0, 30),
        st.just(0.0) | st.floats(1e-9, 1e15),
    ).map(lambda row: (row[0], row[1], row[2], row[3] if row[1] else 0.0)),
    min_size=1,
    max_size=12,
)


def journeys(count: int, seed: int) -> pd.DataFrame:
    """Journeys of the first-order chain, aggregated; conversions are worth ``MEAN_VALUE`` on average."""
    random = np.random.default_rng(seed)
    names = np.array(CHANNELS[:3])
    state = random.choice(3, count, p=START)
    texts = names[state].astype(object)
    alive, converted = np.ones(count, bool), np.zeros(count, bool)
    table = np.c_[MOVES, CONVERT, 1 - MOVES.sum(axis=1) - CONVERT].cumsum(axis=1)
    while alive.any():
        places = np.flatnonzero(alive)
        draw = (random.random(len(places))[:, None] > table[state[places]]).sum(axis=1)
        converted[places[draw == 3]] = True
        alive[places[draw >= 3]] = False
        moved = places[draw < 3]
        state[moved] = draw[draw < 3]
        texts[moved] = texts[moved] + " > " + names[state[moved]].astype(object)
    value = np.where(converted, random.gamma(2.0, MEAN_VALUE / 2, count), 0.0)
    return aggregated(texts, converted, value)


def aggregated(texts: np.ndarray, converted: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    """One row a path, sorted, of single journeys."""
    rows = pd.DataFrame(
        {
            "path": texts,
            "conversions": converted,
            "non_conversions": ~converted,
            "value": value,
            "value_squared": value**2,
        }
    )
    return rows.groupby("path").sum().astype(float).reset_index()


def journeys_of_order(order: int, count: int, seed: int) -> pd.DataFrame:
    """Journeys of a random chain of three channels that remembers ``order`` of them."""
    random = np.random.default_rng(seed)
    chances: dict[tuple[int, ...], np.ndarray] = {}
    texts, converted = [], []
    for _ in range(count):
        path: list[int] = []
        while True:
            context = tuple(path[-order:])
            if context not in chances:
                chances[context] = (
                    random.dirichlet([1.5, 1.5, 1.5, 0.5, 1.0]).cumsum() if path else np.array([1 / 3, 2 / 3, 1, 1, 1])
                )
            outcome = int((random.random() > chances[context]).sum())
            if outcome >= 3 or len(path) > 30:
                break
            path.append(outcome)
        texts.append(" > ".join(CHANNELS[place] for place in path))
        converted.append(outcome == 3)
    won = np.array(converted)
    return aggregated(np.array(texts, dtype=object), won, won * 1.0)
