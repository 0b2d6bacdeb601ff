"""Paths keep every step, every name and every count, and refuse what cannot be a count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.attribution import paths as module
from millibar.attribution.paths import Paths, encode_paths
from unit.attribution.simulated import path_rows, paths_of


def steps_of(paths: Paths) -> list[list[str]]:
    return [
        [paths.channels[step] for step in paths.steps[first:last]]
        for first, last in zip(paths.starts[:-1], paths.starts[1:], strict=True)
    ]


@given(path_rows)
def test_every_step_is_kept_in_its_place(rows: list[tuple]) -> None:
    paths = encode_paths(paths_of(*rows))
    assert steps_of(paths) == [row[0].split(" > ") for row in rows]
    assert paths.conversions.tolist() == [row[1] for row in rows]
    assert list(paths.channels) == sorted(set(paths.channels))


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    table = paths_of(("b > a", 1, 0, 1.0), ("c", 0, 1, 0.0), ("a > d > b", 2, 2, 2.0), ("e", 1, 1, 1.0))
    whole = encode_paths(table)
    monkeypatch.setattr(module, "CHUNK_PATHS", 1)
    split = encode_paths(table)
    assert steps_of(split) == steps_of(whole)
    assert split.channels == whole.channels


@given(st.text("éàçß中 '\"", min_size=1, max_size=5).filter(str.strip), st.text("ab ", max_size=3))
def test_names_are_trimmed_and_otherwise_as_they_are(name: str, other: str) -> None:
    paths = encode_paths(paths_of((f"  {name} >{other}", 1, 0, 1.0)))
    assert steps_of(paths) == [[name.strip(), other.strip() or "(none)"]]


def test_nameless_steps_and_empty_paths_keep_their_counts() -> None:
    table = paths_of(("", 2, 0, 3.0), ("a > > b", 1, 0, 1.0))
    table.loc[2] = [None, 1, 4, 2.0, 4.0]
    paths = encode_paths(table)
    assert steps_of(paths) == [["(none)"], ["a", "(none)", "b"], ["(none)"]]
    assert paths.journeys == 8


def test_another_separator_and_an_arrow_table() -> None:
    table = pa.Table.from_pandas(paths_of(("a|b > c|a", 1, 0, 1.0)))
    assert steps_of(encode_paths(table, separator="|")) == [["a", "b > c", "a"]]


def test_nulls_count_nothing() -> None:
    table = paths_of(("a", 1, 0, 1.0)).assign(value=[None], non_conversions=[None])
    paths = encode_paths(table)
    assert paths.value.tolist() == [0.0]
    assert paths.losses.tolist() == [0.0]


@pytest.mark.parametrize("wrong", [-1, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["conversions", "non_conversions"])
def test_what_is_no_count_is_refused(column: str, wrong: float) -> None:
    table = paths_of(("x", 1, 1, 1.0), ("a > b", 1, 1, 1.0)).astype({column: float})
    table.loc[1, column] = wrong
    with pytest.raises(ValueError, match=rf"'a > b' has {column} -?(1|inf)"):
        encode_paths(table)


def test_selected_paths_keep_their_steps() -> None:
    paths = encode_paths(paths_of(("b > a", 1, 0, 1.0), ("c", 0, 1, 0.0), ("a > c", 2, 2, 2.0)))
    some = paths.select(np.array([True, False, True]))
    assert steps_of(some) == [["b", "a"], ["a", "c"]]
    assert some.conversions.tolist() == [1.0, 2.0]
    assert some.membership().toarray().tolist() == [[1, 1, 0], [1, 0, 1]]


def test_visits_are_counted() -> None:
    paths = encode_paths(pd.DataFrame(paths_of(("b > a > b", 1, 0, 1.0))))
    assert paths.visit_counts().toarray().tolist() == [[1, 2]]
    assert paths.membership().toarray().tolist() == [[1, 1]]
    assert steps_of(paths) == [["b", "a", "b"]], "counting leaves the steps in their order"
