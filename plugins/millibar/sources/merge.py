"""Writes encoded rows into raw.<feed> and pii: by COPY where keys are new, by comparison where they are not."""

from __future__ import annotations

import io

import numpy as np
import psycopg2.errors
import pyarrow as pa
from psycopg2 import sql

from millibar.privacy.tombstones import ERASURE_FILE, KEY_PREFIX
from millibar.sources.batches import Batch, Counts
from millibar.sources.contracts import Feed
from millibar.sources.encoding import copy_bytes, encode_column, join_fields
from millibar.sources.rows import Encoded, personal_copy_columns, raw_copy_columns
from millibar.warehouse.connect import Warehouse

COPY_READ_BYTES = 1 << 20
# No index serves this: statistics never know the batch at work, and a plan by its index would be quadratic.
OF_THIS_BATCH = "r._batch_id + 0 = %(batch)s"
IS_ERASED = f"r.crm_id like '{KEY_PREFIX}%%'"
COMPARE = "set local enable_hashjoin = off; set local enable_mergejoin = off; set local enable_seqscan = off"


class RawWriter:
    """Writes the rows of one batch, inside the batch's transaction.

    The first blocks are copied straight into raw: a key that is there already makes the COPY fail and be undone,
    and from then on keys are looked up first. So a file of new rows, the usual one, pays nothing for the lookup.
    """

    def __init__(self, warehouse: Warehouse, feed: Feed, batch: Batch, counts: Counts) -> None:
        self._warehouse, self._feed, self._batch, self._counts = warehouse, feed, batch, counts
        self._raw = sql.Identifier("raw", feed.name)
        self._pii = sql.Identifier("pii", feed.name)
        self._incoming = sql.Identifier(f"incoming_{feed.name}")
        self._incoming_pii = sql.Identifier(f"incoming_pii_{feed.name}")
        self._raw_columns = raw_copy_columns(feed)
        self._personal_columns = personal_copy_columns(feed)
        self._looks_up = False
        if batch.replaces:
            self._look_up_from_now()

    def write(self, rows: Encoded) -> None:
        """Write one block; counts what was loaded and what was a duplicate."""
        self._counts.duplicate += rows.repeated
        if not rows.rows:
            return
        if rows.identifiers.num_rows:
            self._keep_identifiers(rows.identifiers)
        if not self._looks_up:
            try:
                self._try_straight(rows)
                return
            except psycopg2.errors.UniqueViolation:
                self._look_up_from_now()
        existing = self._existing(rows.keys)
        if not len(existing):
            self._copy_new(rows)
            return
        known = np.zeros(rows.rows, np.bool_)
        known[existing] = True
        self._copy_new(_some(rows, np.flatnonzero(~known)))
        self._compare(_some(rows, existing))

    def finish(self) -> None:
        """After the last block: keep the identifiers' clear values, remove what a corrected file no longer holds."""
        self._warehouse.execute(
            "insert into pii.identifier_values (identifier_type, value_hash, value, first_batch_id)"
            # In one order everywhere, or two loads at once could wait for each other for ever.
            " select distinct on (identifier_type, value_hash) identifier_type, value_hash, value, %(batch)s"
            " from incoming_identifiers order by identifier_type, value_hash on conflict do nothing",
            {"batch": self._batch.batch_id},
        )
        if self._batch.replaces:
            self._remove_left_behind()

    # ------------------------------------------------------------------ rows with new keys

    def _try_straight(self, rows: Encoded) -> None:
        self._warehouse.execute("savepoint straight")
        try:
            self._copy_new(rows)
        except psycopg2.errors.UniqueViolation:
            self._warehouse.execute("rollback to savepoint straight")
            raise
        self._warehouse.execute("release savepoint straight")

    def _copy_new(self, rows: Encoded) -> None:
        if not rows.rows:
            return
        self._copy(self._raw, self._raw_columns, rows.raw)
        if rows.personal is not None:
            self._copy(self._pii, self._personal_columns, rows.personal.drop_null())
        self._counts.loaded += rows.rows

    # ------------------------------------------------------------------ rows whose key is there already

    def _look_up_from_now(self) -> None:
        self._looks_up = True
        self._warehouse.execute(COMPARE)  # else a plan may read all of raw to find some thousand keys
        for table, like in ((self._incoming, self._raw), (self._incoming_pii, self._pii)):
            if like is self._raw or self._feed.personal:
                statement = "create temp table if not exists {} (like {}) on commit delete rows"
                self._warehouse.execute(sql.SQL(statement).format(table, like))
        self._warehouse.execute(
            "create temp table if not exists incoming_keys (place bigint, _row_key uuid) on commit delete rows"
        )

    def _existing(self, keys: pa.Array) -> np.ndarray:
        """Places of the keys that raw has."""
        places = encode_column(pa.array(np.arange(len(keys), dtype=np.int64)))
        self._warehouse.execute("truncate incoming_keys")
        self._copy(sql.Identifier("incoming_keys"), ["place", "_row_key"], join_fields([*places, *encode_column(keys)]))
        found = sql.SQL(
            "select k.place from incoming_keys k where exists (select from {} r where r._row_key = k._row_key)"
        )
        with self._warehouse.connection.cursor() as cursor:
            cursor.execute(found.format(self._raw))
            return np.sort(np.array([row[0] for row in cursor.fetchall()], dtype=np.int64))

    def _compare(self, rows: Encoded) -> None:
        """Of each pair with one key the newer stays; a row of this file yields to a later row of this file."""
        self._warehouse.execute(sql.SQL("truncate {}").format(self._incoming))
        self._copy(self._incoming, self._raw_columns, rows.raw)
        version = self._feed.version
        later = sql.SQL("i.{0} >= r.{0}").format(sql.Identifier(version)) if version else sql.SQL("true")
        self._update(sql.SQL(OF_THIS_BATCH + " and {}").format(later))
        rank = [*([version] if version else []), "_delivered_on", "_batch_id"]
        ranks = [sql.SQL(", ").join(sql.Identifier(side, name) for name in rank) for side in ("i", "r")]
        newer = sql.SQL("r._row_hash <> i._row_hash and ({}) > ({})").format(*ranks)
        taken = self._update(
            sql.SQL("r._batch_id <> %(batch)s and (r._batch_id + 0 = any(%(replaces)s) or ({}))").format(newer)
        )
        self._counts.loaded += taken
        self._counts.duplicate += rows.rows - taken
        if self._feed.personal:
            self._compare_personal(rows)

    def _update(self, condition: sql.Composable) -> int:
        names = [name for name in self._raw_columns if name != "_row_key"]
        changes = sql.SQL(", ").join(self._change(name) for name in names)
        statement = sql.SQL("update {} r set {} from {} i where r._row_key = i._row_key and {}").format(
            self._raw, changes, self._incoming, condition
        )
        return self._warehouse.execute(statement, self._parameters)

    def _change(self, name: str) -> sql.Composable:
        """A fact of an erased person stays under its key, whatever identifiers a file brings for it again."""
        change = "{0} = i.{0}"
        if name in self._feed.identifier_columns:
            change = f"{{0}} = case when {IS_ERASED} then r.{{0}} else i.{{0}} end"
        return sql.SQL(change).format(sql.Identifier(name))

    def _compare_personal(self, rows: Encoded) -> None:
        """Personal columns of the rows that were kept in place of older ones."""
        condition = OF_THIS_BATCH + (f" and not coalesce({IS_ERASED}, false)" if self._feed.identifiers else "")
        kept = sql.SQL(
            "select r._row_key from {} r join {} i on r._row_key = i._row_key and {} and r._row_number = i._row_number"
        ).format(self._raw, self._incoming, sql.SQL(condition))
        self._warehouse.execute(
            sql.SQL("delete from {} where _row_key in ({})").format(self._pii, kept), self._parameters
        )
        if rows.personal is None:
            return
        self._warehouse.execute(sql.SQL("truncate {}").format(self._incoming_pii))
        self._copy(self._incoming_pii, self._personal_columns, rows.personal.drop_null())
        insert = sql.SQL("insert into {0} select * from {1} where _row_key in ({2})")
        self._warehouse.execute(insert.format(self._pii, self._incoming_pii, kept), self._parameters)

    def _remove_left_behind(self) -> None:
        # facts of this file that an erasure moved to a batch of its own
        erased = (
            "_file = %(file)s and _batch_id in (select e.batch_id from ops.load_batches e join ops.load_batches b"
            " on b.batch_id = %(batch)s and b.source = e.source where e.file = %(erasure)s)"
        )
        gone = sql.SQL("delete from {} where _batch_id = any(%(replaces)s) or ({}) returning _row_key").format(
            self._raw, sql.SQL(erased)
        )
        note = sql.SQL(
            "insert into ops.removed_rows (feed, row_key, batch_id) select {}, _row_key, %(batch)s from gone"
        ).format(sql.Literal(self._feed.name))
        if self._feed.personal:
            forget = sql.SQL("delete from {} p using gone g where p._row_key = g._row_key").format(self._pii)
            statement = sql.SQL("with gone as ({}), forgotten as ({}) {}").format(gone, forget, note)
        else:
            statement = sql.SQL("with gone as ({}) {}").format(gone, note)
        self._warehouse.execute(statement, self._parameters)

    # ------------------------------------------------------------------ copying

    @property
    def _parameters(self) -> dict[str, object]:
        batch = self._batch
        return {"batch": batch.batch_id, "replaces": list(batch.replaces), "file": batch.label, "erasure": ERASURE_FILE}

    def _keep_identifiers(self, identifiers: pa.Table) -> None:
        columns = [identifiers[name].combine_chunks() for name in identifiers.column_names]
        rows = join_fields([piece for column in columns for piece in encode_column(column)])
        self._copy(sql.Identifier("incoming_identifiers"), identifiers.column_names, rows)

    def _copy(self, table: sql.Identifier, columns: list[str], rows: pa.Array) -> None:
        if not len(rows):
            return
        names = sql.SQL(", ").join(sql.Identifier(name) for name in columns)
        statement = sql.SQL("copy {} ({}) from stdin with (format binary)").format(table, names)
        with self._warehouse.connection.cursor() as cursor:
            stream = io.BytesIO(memoryview(copy_bytes(rows, len(columns))))
            cursor.copy_expert(statement, stream, size=COPY_READ_BYTES)


def prepare_session(warehouse: Warehouse) -> None:
    """Once for a connection, before any batch."""
    warehouse.execute("set synchronous_commit = off")  # a crash loses whole files at most, and they are loaded again
    warehouse.execute(
        "create temp table if not exists incoming_identifiers (identifier_type text, value_hash text, value text)"
        " on commit delete rows"
    )


def _some(rows: Encoded, places: np.ndarray) -> Encoded:
    wanted = pa.array(places)
    personal = None if rows.personal is None else rows.personal.take(wanted)
    return Encoded(rows.keys.take(wanted), rows.raw.take(wanted), personal, 0, rows.identifiers)
