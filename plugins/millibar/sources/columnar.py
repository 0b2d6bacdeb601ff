"""DuckDB over Arrow arrays in memory: one small engine a thread, without extensions, files or network."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import duckdb
import pyarrow as pa

_engines = threading.local()


def query(sql: str, values: pa.Array, parameters: Mapping[str, str] | None = None) -> pa.Table:
    """The result of a query over ``input``, a table with the one column ``v``; its rows keep their order."""
    engine = getattr(_engines, "connection", None)
    if engine is None:
        engine = _engines.connection = duckdb.connect(config={"threads": 1, "enable_external_access": False})
    engine.register("input", pa.table({"v": values}))
    try:
        return engine.sql(sql, params=dict(parameters or {})).to_arrow_table()
    finally:
        engine.unregister("input")
