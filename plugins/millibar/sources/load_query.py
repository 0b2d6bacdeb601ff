"""Loads a query on an Airflow connection: the rows since the cursor's last value, one batch a run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.blocks import Block
from millibar.sources.definition import Query, Source
from millibar.sources.tables import read_query
from millibar.warehouse.connect import Warehouse


class CursorState:
    """The cursor of a source in ops.source_state, and the highest value met while reading."""

    def __init__(self, warehouse: Warehouse, source: Source, query: Query) -> None:
        self._warehouse, self._source, self._query = warehouse, source, query
        kept = warehouse.value(
            "select cursor_value from ops.source_state where source = %(source)s", {"source": source.name}
        )
        self.since: str = kept if kept is not None else query.start
        self._highest: pa.Scalar | None = None

    def watch(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The blocks, with their highest cursor value noted."""
        for block in blocks:
            if self._query.cursor:
                highest = pc.max(block.columns[self._query.cursor])
                if highest.is_valid and (self._highest is None or highest.as_py() > self._highest.as_py()):
                    self._highest = highest
            yield block

    def advance(self) -> None:
        """Keep the highest value; call it in the transaction of the rows."""
        if self._highest is None:
            return
        self._warehouse.execute(
            "insert into ops.source_state (source, cursor_value, updated_at)"
            " values (%(source)s, %(value)s, clock_timestamp())"
            " on conflict (source) do update"
            " set cursor_value = excluded.cursor_value, updated_at = excluded.updated_at",
            {"source": self._source.name, "value": str(self._highest.as_py())},
        )


def query_label(query: Query) -> str:
    """What stands for the file in ops.load_batches and raw."""
    return f"sql:{query.connection}"


def query_blocks(source: Source, query: Query, state: CursorState, as_of: date) -> Iterator[Block]:
    return state.watch(read_query(query, state.since, as_of, source.source_columns))
