"""Splink on DuckDB, quiet and deterministic: records as Splink wants them, candidates from the blocking columns."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from millibar.identity.matching.columns import BLOCK_COLUMNS, FEATURE_COLUMNS
from millibar.identity.matching.features import _each
from millibar.identity.matching.model import MatchModel
from millibar.identity.matching.plan import MatchPlan
from millibar.identity.names import root_name
from millibar.identity.normalise import mailbox_name

if TYPE_CHECKING:
    from splink import Linker

MEMORY_LIMIT = "1200MB"  # beyond, DuckDB goes to disk


@contextlib.contextmanager
def connection(threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory, without network, progress bars or Splink's messages."""
    logger = logging.getLogger("splink")
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.ERROR)
    folder = tempfile.TemporaryDirectory(prefix="millibar-identity-")
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": folder.name,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if threads:
        config["threads"] = str(threads)
    try:
        with folder, warnings.catch_warnings(), duckdb.connect(config=config) as database:
            warnings.simplefilter("ignore")
            database.execute("set enable_progress_bar = false")
            database.execute("set preserve_insertion_order = false")
            yield database
    finally:
        logger.setLevel(level)
        logger.propagate = propagate


def compared_table(features: pd.DataFrame, plan: MatchPlan) -> tuple[pd.DataFrame, np.ndarray]:
    """The records as they are compared, and the position in ``features`` of each.

    unique_id is the place in the order of record_id, so that neither the order of rows nor which of two records comes
    first in a pair depends on how the file was written. Columns: the features, extras, blocks, and forms derived from
    the names.
    """
    order = np.argsort(features["record_id"].astype(str).to_numpy(dtype=object), kind="stable")
    names = [*FEATURE_COLUMNS, *(extra.name for extra in plan.extras)]
    table = pd.DataFrame({"unique_id": np.arange(len(order), dtype=np.int64)})
    for name in names:
        column = features[name] if name in features else pd.Series(None, index=features.index, dtype=object)
        values = column.astype(object).to_numpy()[order]
        values[pd.isna(values)] = None
        table[name] = pd.Series(values, dtype=object)
    for block in (column for column in BLOCK_COLUMNS if column in features):
        values = features[block].astype("Int64").to_numpy(dtype=np.int64, na_value=0)[order]
        table[block] = values  # 0 where missing
    given, family = table["given_name"], table["family_name"]
    table["given_root"] = _each(given, root_name)
    table["given_joined"] = _each(given, lambda name: name.replace(" ", ""))
    table["given_initials"] = _each(given, lambda name: "".join(word[0] for word in name.split()))
    table["family_joined"] = _each(family, lambda name: name.replace(" ", ""))
    table["mailbox"] = _each(table["email"], mailbox_name)
    return table, order


def store(database: duckdb.DuckDBPyConnection, table: pd.DataFrame, name: str) -> None:
    """Create the table ``name``; texts are texts even where a column is empty everywhere."""
    schema = pa.schema(
        [
            (column, pa.string() if kind.kind == "O" else pa.from_numpy_dtype(kind))
            for column, kind in table.dtypes.items()
        ]
    )
    database.register("delivered", pa.Table.from_pandas(table, schema=schema, preserve_index=False))
    database.execute(f"create table {name} as select * from delivered")  # noqa: S608 - our own names
    database.unregister("delivered")


def linker_on(database: duckdb.DuckDBPyConnection, name: str, settings: dict[str, Any]) -> Linker:
    """Splink on a table of the database."""
    from splink import DuckDBAPI, Linker  # two seconds to import, and most commands do without

    return Linker(DuckDBAPI(database).register(name), settings, log_level=None, validate_settings=False)


def candidate_sql(columns: tuple[str, ...], new_only: bool) -> str:
    """Pairs (join_key_l < join_key_r) equal in a block column, each once; ``new_only``: one side is new."""
    parts = []
    for place, column in enumerate(columns):
        earlier = "".join(f" and not (l.{before} = r.{before} and l.{before} <> 0)" for before in columns[:place])
        fresh = " and (l.is_new or r.is_new)" if new_only else ""
        parts.append(
            f"select l.unique_id as join_key_l, r.unique_id as join_key_r, '0' as match_key "  # noqa: S608 - own names
            f"from blocks as l inner join blocks as r on l.{column} = r.{column} "
            f"where l.{column} <> 0 and l.unique_id < r.unique_id{fresh}{earlier}"
        )
    return " union all ".join(parts)


def cooled(table: pd.DataFrame, hot_blocks: pd.DataFrame) -> pd.DataFrame:
    """unique_id and the block columns, hot ones 0."""
    blocks = table[["unique_id", *BLOCK_COLUMNS]].copy()
    for column, group in hot_blocks.groupby("block_column"):
        values = blocks[column].to_numpy(copy=True)
        values[np.isin(values, group["block"].to_numpy(dtype=np.int64))] = 0
        blocks[column] = values
    return blocks


def with_frequencies(table: pd.DataFrame, model: MatchModel) -> pd.DataFrame:
    """The table with a ``tf_`` column per weighed column; a value the model does not list is as rare as its floor."""
    floors: dict[str, float] = model.settings["floors"]
    known = {name: group.set_index("value")["frequency"] for name, group in model.frequencies.groupby("column_name")}
    added = {}
    for column, floor in floors.items():
        codes, distinct = pd.factorize(table[column], use_na_sentinel=True)
        listed = known.get(column)
        shares = np.full(len(distinct), floor)
        if listed is not None and len(distinct):
            shares = listed.reindex(distinct).fillna(floor).to_numpy(dtype=np.float64)
        added[f"tf_{column}"] = np.r_[shares, np.nan][codes]
    if "tf_name_key" in added:
        # two names meet as often as each is common, unless the pair itself is known to be commoner
        by_chance = added["tf_given_name"] * added["tf_family_name"]
        added["tf_name_key"] = np.fmax(by_chance, added["tf_name_key"])
    return table.assign(**added)


def splink_settings(comparisons: list[dict[str, Any]], probability: float) -> dict[str, Any]:
    """Splink's settings around the comparisons."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": probability,
        "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": [],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "em_convergence": 0.0005,
        "max_iterations": 40,
    }
