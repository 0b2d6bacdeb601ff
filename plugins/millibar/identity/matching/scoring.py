"""Scores of candidate pairs under a frozen model: a pair's score depends on its two records and the model alone."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.matching.columns import BLOCK_COLUMNS
from millibar.identity.matching.engine import (
    candidate_sql,
    compared_table,
    connection,
    cooled,
    linker_on,
    splink_settings,
    store,
    with_frequencies,
)
from millibar.identity.matching.household import household_bits, weighed
from millibar.identity.matching.model import MatchModel

LEAST_PROBABILITY = 0.01
LEAST_SAMPLED = 0.001  # what a model is fitted on reaches further down than what it keeps
SAMPLING_STEPS = 1_000_003
SCORE_COLUMNS = ["left", "right", "probability", "weight", "levels"]
HOUSEHOLD = "household"
PRECISION = 9  # digits: the order in which a sum was computed must not show


def score(features: pd.DataFrame, model: MatchModel, is_new: npt.NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """Pairs that may be one person.

    ``features``: as :func:`prepare` makes them. ``is_new``: shape (n,); given, only pairs with a new record are scored.

    Returns left, right (positions, left < right), probability, weight (bits, prior included), levels (int8 list, one
    a comparison in the order of ``model.comparisons()``; -1: no evidence), sorted by left and right; pairs of a
    probability below ``LEAST_PROBABILITY`` are left out.
    """
    compared = _compared(features, model, is_new)
    if compared is None:
        return _no_pairs()
    with connection() as database:
        order = _candidates(database, compared, model, is_new is not None)
        del compared  # a gigabyte at a million records, and Splink wants room now
        return _placed(_predicted(database, model, LEAST_PROBABILITY), order, model)


def sample_pairs(
    features: pd.DataFrame, model: MatchModel, most: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64], float]:
    """Levels, bits without the prior, and the share of all candidates they are: about ``most`` candidate pairs.

    Which pairs are taken depends on the contents, not on the order of rows.
    """
    compared = _compared(features, model, None)
    if compared is None:
        return np.empty((0, len(model.settings["comparisons"])), dtype=np.int8), np.empty(0), 1.0
    with connection() as database:
        _candidates(database, compared, model, False)
        count = int(database.sql("select count(*) from candidates").fetchall()[0][0])
        share = min(1.0, most / max(count, 1))
        kept = int(share * SAMPLING_STEPS)
        database.execute(
            "delete from candidates where (join_key_l * 2654435761 + join_key_r * 40503) % ? >= ?",
            [SAMPLING_STEPS, kept],
        )
        told = _predicted(database, model, LEAST_SAMPLED)
    prior = model.settings["probability_two_random_records_match"]
    bits = told["match_weight"].astype(np.float64) - math.log2(prior / (1 - prior))
    return told["levels"].astype(np.int8), bits, max(kept, 1) / SAMPLING_STEPS if share < 1 else 1.0


Compared = tuple[pd.DataFrame, npt.NDArray[np.int64], pd.DataFrame, tuple[str, ...]]


def _compared(features: pd.DataFrame, model: MatchModel, is_new: npt.NDArray[np.bool_] | None) -> Compared | None:
    """The records as compared, their positions, their blocks and the block columns in use; None: nothing to compare."""
    if len(features) < 2:
        return None
    table, order = compared_table(features, model.plan)
    blocks = cooled(table, model.hot_blocks)
    if is_new is not None:
        blocks["is_new"] = is_new[order]
    used = tuple(column for column in BLOCK_COLUMNS if (blocks[column] != 0).any())
    return (table.drop(columns=list(BLOCK_COLUMNS)), order, blocks, used) if used else None


def _candidates(
    database: duckdb.DuckDBPyConnection, compared: Compared, model: MatchModel, new_only: bool
) -> npt.NDArray[np.int64]:
    """Make the tables ``candidates`` and ``records``; returns the position of each record of the table."""
    table, order, blocks, used = compared
    store(database, blocks, "blocks")
    database.execute(f"create table candidates as {candidate_sql(used, new_only)}")
    database.execute("drop table blocks")
    store(database, with_frequencies(table, model), "records")
    return order


def pair_weights(one: pd.Series, other: pd.Series, model: MatchModel) -> pd.DataFrame:
    """comparison, level, weight (bits) of one pair, whether or not a block would have brought it up.

    ``one``, ``other``: rows of features. The first row is ``prior``, the last, where the model knows households,
    ``household``; both have level -1. The weights add up to the pair's weight in :func:`score`.
    """
    features = pd.DataFrame([one, other]).reset_index(drop=True)
    features["record_id"] = ["a", "b"]
    features = features.drop(columns=list(BLOCK_COLUMNS), errors="ignore")  # compared whether or not a block agrees
    table = with_frequencies(compared_table(features, model.plan)[0], model)
    names = [entry["output_column_name"] for entry in model.settings["comparisons"]]
    with connection(threads=1) as database:
        database.execute("create table candidates as select 0::bigint join_key_l, 1::bigint join_key_r, '0' match_key")
        store(database, table, "records")
        told = _predict(database, model, None).df().iloc[0]
    prior = model.settings["probability_two_random_records_match"]
    rows = [("prior", -1, math.log2(prior / (1 - prior)))]
    for name in names:
        weight = float(told[f"mw_{name}"]) + float(told.get(f"mw_tf_adj_{name}", 0.0))
        rows.append((name, int(told[f"gamma_{name}"]), weight))
    levels = np.array([[level for _, level, _ in rows[1:]]], dtype=np.int8)
    total = np.array([sum(weight for _, _, weight in rows)])
    if np.isfinite(household_bits(levels, model.settings)).all():
        rows.append((HOUSEHOLD, -1, float((weighed(total, levels, model.settings) - total)[0])))
    return pd.DataFrame(rows, columns=["comparison", "level", "weight"])


def _predict(database: duckdb.DuckDBPyConnection, model: MatchModel, least: float | None) -> duckdb.DuckDBPyRelation:
    """Splink's predictions of the pairs in the table ``candidates``, of the table ``records``."""
    settings = splink_settings(
        model.settings["comparisons"], model.settings["probability_two_random_records_match"]
    ) | {"retain_matching_columns": True, "retain_intermediate_calculation_columns": least is None}
    linker = linker_on(database, "records", settings)
    backend = linker._db_api
    for column in model.settings["floors"]:
        # the table brings its own frequencies; this keeps Splink from counting them again
        empty = pd.DataFrame({column: pd.Series([], dtype=str), f"tf_{column}": pd.Series([], dtype=float)})
        linker.table_management.register_term_frequency_lookup(backend.register(empty), column)
    linker.table_management.register_blocked_pairs_for_predict(backend.register("candidates"))
    predicted = linker.inference.predict(threshold_match_probability=least, warning_mode="never")
    return database.sql(f"select * from {predicted.physical_name}")  # noqa: S608 - a table of Splink's


def _predicted(
    database: duckdb.DuckDBPyConnection, model: MatchModel, least: float
) -> dict[str, npt.NDArray[np.generic]]:
    """Arrays of the pairs that are likely enough; ``levels`` of shape (pairs, comparisons)."""
    names = [f"gamma_{entry['output_column_name']}" for entry in model.settings["comparisons"]]
    gammas = ", ".join(f"{name}::tinyint as {name}" for name in names)
    relation = _predict(database, model, least)
    told = relation.project(f"unique_id_l, unique_id_r, match_weight, {gammas}").fetchnumpy()
    levels = np.empty((len(told["unique_id_l"]), len(names)), dtype=np.int8)
    for place, name in enumerate(names):
        levels[:, place] = told.pop(name)
    return told | {"levels": levels}


def _placed(
    predicted: dict[str, npt.NDArray[np.generic]], order: npt.NDArray[np.int64], model: MatchModel
) -> pd.DataFrame:
    weight = weighed(predicted["match_weight"].astype(np.float64), predicted["levels"].astype(np.int8), model.settings)
    probability = 1 / (1 + np.exp2(-weight))
    kept = np.flatnonzero(probability >= LEAST_PROBABILITY)
    one, other = order[predicted["unique_id_l"][kept]], order[predicted["unique_id_r"][kept]]
    left, right = np.minimum(one, other), np.maximum(one, other)
    places = np.lexsort((right, left))
    levels = np.empty(len(places), dtype=object)
    levels[:] = list(predicted["levels"][kept[places]])
    return pd.DataFrame(
        {
            "left": left[places].astype(np.int64),
            "right": right[places].astype(np.int64),
            "probability": probability[kept[places]].round(PRECISION),
            "weight": weight[kept[places]].round(PRECISION),
            "levels": levels,
        }
    )


def _no_pairs() -> pd.DataFrame:
    kinds = {"left": "int64", "right": "int64", "probability": "float64", "weight": "float64", "levels": "object"}
    return pd.DataFrame(columns=SCORE_COLUMNS).astype(kinds)
