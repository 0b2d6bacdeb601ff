"""One connection to the warehouse: statements, transactions, bulk copy in and out, advisory locks."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pyarrow as pa
import pyarrow.csv
from psycopg2 import sql as composed

from millibar.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

Parameters = Mapping[str, Any] | None

COPY_BATCH_ROWS = 100_000
APPLICATION_NAME = "millibar"


class LockHeld(RuntimeError):
    """Another process holds the lock that was asked for without waiting."""


class Warehouse:
    """A connection to the warehouse; open it with :meth:`open`, use it in one thread.

    Outside :meth:`transaction` every statement commits by itself.
    """

    def __init__(self, uri: str, connection: psycopg2.extensions.connection) -> None:
        self.uri = uri
        self._connection = connection
        self._depth = 0
        self._bulk: Any = None  # connecting it takes a tenth of a second, so it stays for the next large result

    @classmethod
    @contextmanager
    def open(cls, settings: Settings | str, *, read_only: bool = False) -> Iterator[Warehouse]:
        """Connect with the pipeline's role, or with the reader's role where ``read_only``.

        Takes settings or a URI. Raises ``SettingsError`` where no warehouse is known and
        ``psycopg2.OperationalError`` where it cannot be reached.
        """
        uri = settings if isinstance(settings, str) else _uri(settings, read_only=read_only)
        connection = psycopg2.connect(uri, application_name=APPLICATION_NAME, connect_timeout=15)
        try:
            connection.set_session(readonly=read_only or None, autocommit=True)
            with connection.cursor() as cursor:
                cursor.execute("set time zone 'UTC'")
            warehouse = cls(uri, connection)
            try:
                yield warehouse
            finally:
                if warehouse._bulk is not None:
                    warehouse._bulk.close()
        finally:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside happen, or none; an inner transaction is part of the outer one."""
        if self._depth == 0:
            self._connection.autocommit = False
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0:
                self._connection.rollback()
                self._connection.autocommit = True
            raise
        self._depth -= 1
        if self._depth == 0:
            try:
                self._connection.commit()
            finally:
                self._connection.autocommit = True

    def execute(self, sql: str | composed.Composable, parameters: Parameters = None) -> int:
        """Run a statement; returns the number of rows it touched (-1 where that has no meaning)."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def rows(self, sql: str | composed.Composable, parameters: Parameters = None) -> list[dict[str, Any]]:
        """The rows of a small result, one dict a row."""
        with self._connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(sql, parameters)
            return [dict(row) for row in cursor.fetchall()]

    def value(self, sql: str | composed.Composable, parameters: Parameters = None) -> Any:
        """The first column of the first row; ``None`` where there is no row."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            row = cursor.fetchone()
            return row[0] if row else None

    def arrow(self, sql: str, parameters: Parameters = None) -> pa.Table:
        """The rows of a large result, as Arrow, over a connection of its own (it sees committed rows only).

        Cast ``numeric`` columns to ``float8`` in the query: they arrive as text otherwise.
        """
        with self._connection.cursor() as cursor:
            statement = cursor.mogrify(sql, parameters).decode()
        if self._bulk is None:
            import adbc_driver_postgresql.dbapi as adbc

            self._bulk = adbc.connect(self.uri, autocommit=True)
            with self._bulk.cursor() as cursor:
                cursor.execute("set time zone 'UTC'")
        with self._bulk.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetch_arrow_table()

    def frame(self, sql: str, parameters: Parameters = None) -> pd.DataFrame:
        """As :meth:`arrow`, as a pandas frame."""
        frame: pd.DataFrame = self.arrow(sql, parameters).to_pandas()
        return frame

    def append(self, table: str, rows: pa.Table) -> int:
        """Bulk copy: add rows to ``schema.table``; the rows' column names must exist there."""
        if rows.num_rows == 0:
            return 0
        columns = composed.SQL(", ").join(composed.Identifier(name) for name in rows.column_names)
        statement = composed.SQL("copy {} ({}) from stdin with (format csv)").format(identifier(table), columns)
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
        with self._connection.cursor() as cursor, self.transaction():
            for batch in rows.to_batches(max_chunksize=COPY_BATCH_ROWS):
                buffer = io.BytesIO()
                pyarrow.csv.write_csv(pa.Table.from_batches([batch]), buffer, options)
                buffer.seek(0)
                cursor.copy_expert(statement, buffer)
        return int(rows.num_rows)

    def replace(self, table: str, rows: pa.Table, where: Mapping[str, str | int | date]) -> int:
        """Replace the partition of ``schema.table`` that ``where`` names by these rows, in one transaction."""
        if not where:
            raise ValueError(f"replace({table!r}) without a partition would empty the table; name one in `where`")
        condition = composed.SQL(" and ").join(
            composed.SQL("{} = {}").format(composed.Identifier(name), composed.Placeholder(name)) for name in where
        )
        with self.transaction():
            self.execute(composed.SQL("delete from {} where {}").format(identifier(table), condition), where)
            return self.append(table, rows)

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[None]:
        """Hold the advisory lock of that name; raises :class:`LockHeld` where it is taken and ``wait`` is false."""
        parameters = {"name": f"millibar:{name}"}
        if wait:
            self.execute("select pg_advisory_lock(hashtextextended(%(name)s, 0))", parameters)
        elif not self.value("select pg_try_advisory_lock(hashtextextended(%(name)s, 0))", parameters):
            raise LockHeld(f"another process holds the lock {name!r}; wait for it to end, or see `millibar status`")
        try:
            yield
        finally:
            if not self._connection.closed:
                self.execute("select pg_advisory_unlock(hashtextextended(%(name)s, 0))", parameters)

    @property
    def connection(self) -> psycopg2.extensions.connection:
        """The driver's connection, for a COPY of one's own."""
        return self._connection


def identifier(table: str) -> composed.Identifier:
    """``schema.table`` as a quoted identifier."""
    return composed.Identifier(*table.split("."))


def _uri(settings: Settings, *, read_only: bool) -> str:
    if read_only and settings.reader_uri:
        return settings.reader_uri
    return settings.require_warehouse()
