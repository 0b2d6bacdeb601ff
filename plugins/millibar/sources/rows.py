"""Good rows of a block, ready for the warehouse: one row a key, hashed identifiers, encoded for a binary COPY."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.batches import Batch
from millibar.sources.checking import Checked
from millibar.sources.contracts import Feed
from millibar.sources.definition import Source
from millibar.sources.encoding import (
    NULL_LENGTH,
    encode_column,
    encode_constant,
    hexadecimal,
    join_fields,
    md5,
)
from millibar.sources.personal import IdentifierHasher

if TYPE_CHECKING:
    from millibar.privacy.tombstones import Tombstones

NOTHING = pa.scalar(NULL_LENGTH, pa.binary())


@dataclass
class Encoded:
    """Rows of one block with different keys: encoded for raw, and for pii those that have personal columns."""

    keys: pa.Array  # 16 bytes each
    raw: pa.Array
    personal: pa.Array | None  # same length as raw; null where a row has nothing personal
    repeated: int  # rows left out because a later one of the block has their key
    identifiers: pa.Table
    erased: list[int] = field(default_factory=list)  # lines of erased persons, left out

    @property
    def rows(self) -> int:
        return len(self.keys)


def content_columns(feed: Feed) -> list[str]:
    """Columns of raw.<feed> that come from the source, in the order in which they are encoded."""
    return [column.name for column in feed.stored] + list(feed.identifier_columns)


def raw_copy_columns(feed: Feed) -> list[str]:
    constants = ["_source", "_batch_id", "_file", "_loaded_at", "_delivered_on"]
    return [*content_columns(feed), *constants, "_row_number", "_row_hash", "_row_key"]


def personal_copy_columns(feed: Feed) -> list[str]:
    return ["_row_key", "_batch_id", "_source", *personal_keys(feed), *(column.name for column in feed.personal)]


def personal_keys(feed: Feed) -> list[str]:
    return [name for name in feed.key if name not in feed.identifier_columns]


class RowEncoder:
    """Encodes the checked blocks of one batch."""

    def __init__(
        self,
        source: Source,
        batch: Batch,
        hasher: IdentifierHasher,
        key: bytes,
        loaded_at: datetime,
        tombstones: Tombstones | None = None,
    ) -> None:
        self._source, self._feed, self._hasher, self._tombstones = source, source.feed, hasher, tombstones
        # Contents are hashed with a secret: names could be guessed from a plain hash of a customer's row.
        self._salt = pa.scalar(hmac.digest(key, b"row contents", hashlib.sha256), pa.binary())
        self._name = encode_constant(pa.scalar(source.name))
        self._batch = encode_constant(pa.scalar(batch.batch_id, pa.int64()))
        constants = (
            self._name,
            self._batch,
            encode_constant(pa.scalar(batch.label)),
            encode_constant(pa.scalar(loaded_at, pa.timestamp("us", "UTC"))),
            encode_constant(pa.scalar(batch.delivered_on, pa.date32())),
        )
        self._constants = pa.scalar(b"".join(constant.as_py() for constant in constants), pa.binary())

    def encode(self, checked: Checked) -> Encoded:
        clear, lines, erased_keys, erased = checked.columns, checked.lines, None, checked.lines[:0]
        if self._tombstones and (spared := self._tombstones.spare(self._source.name, self._feed, clear, lines)):
            clear, lines, erased_keys, erased = spared.columns, spared.lines, spared.keys, spared.erased
        columns = self._hasher.hash_columns(self._feed, clear)
        if erased_keys is not None:
            columns["crm_id"] = pc.coalesce(erased_keys, columns["crm_id"]) if "crm_id" in columns else erased_keys
        columns["_line"] = pa.array(lines)
        keys = self._keys(columns)
        kept = self._last_of_each_key(keys, columns)
        repeated = 0
        if kept is not None:
            repeated = len(keys) - len(kept)
            keys = keys.take(kept)
            columns = {name: values.take(kept) for name, values in columns.items()}
        content = join_fields(self._fields(columns, content_columns(self._feed)))
        key_field = encode_column(keys)
        personal, personal_content = self._personal(columns, key_field)
        hash_input = [self._salt, content, *([personal_content] if personal_content is not None else [])]
        row_hash = hexadecimal(md5(join_fields(hash_input)))
        line = encode_column(columns["_line"])
        raw = join_fields([content, self._constants, *line, *encode_column(row_hash), *key_field])
        return Encoded(keys, raw, personal, repeated, self._hasher.take_new(), erased.tolist())

    def _keys(self, columns: dict[str, pa.Array]) -> pa.Array:
        return md5(join_fields([self._name, *self._fields(columns, list(self._feed.key))]))

    def _last_of_each_key(self, keys: pa.Array, columns: dict[str, pa.Array]) -> pa.Array | None:
        """Places of the rows to keep where keys repeat; None where none does."""
        encoded = keys.dictionary_encode()
        if len(encoded.dictionary) == len(keys):
            return None
        codes = encoded.indices.to_numpy()
        order = [np.arange(len(codes)), codes]
        if self._feed.version:
            order.insert(1, columns[self._feed.version].cast(pa.int64()).to_numpy())
        ranked = np.lexsort(order)
        last = np.append(codes[ranked][1:] != codes[ranked][:-1], True)
        return pa.array(np.sort(ranked[last]))

    def _fields(self, columns: dict[str, pa.Array], names: list[str]) -> list[pa.Array]:
        """Encoded columns; those the source does not have are null everywhere."""
        fields: list[pa.Array] = []
        for name in names:
            fields += encode_column(columns[name]) if name in columns else [NOTHING]
        return fields

    def _personal(
        self, columns: dict[str, pa.Array], key_field: list[pa.Array]
    ) -> tuple[pa.Array | None, pa.Array | None]:
        """(rows for pii, their contents for the hash); None where the source maps no personal column."""
        names = [column.name for column in self._feed.personal]
        present = [name for name in names if name in columns]
        if not present:
            return None, None
        content = join_fields(self._fields(columns, names))
        keys = self._fields(columns, personal_keys(self._feed))
        rows = join_fields([*key_field, self._batch, self._name, *keys, content])
        anything = columns[present[0]].is_valid()
        for name in present[1:]:
            anything = pc.or_(anything, columns[name].is_valid())
        return pc.if_else(anything, rows, pa.scalar(None, pa.binary())), content
