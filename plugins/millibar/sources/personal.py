"""Keyed hashes in place of identifiers; the clear values are gathered for schema pii, each distinct one once."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.contracts import Feed

HASH_LENGTH = 32
REMEMBERED_VALUES = 400_000  # about 100 MB; a customer's identifiers come back within days


def hash_value(key: bytes, identifier_type: str, value: str) -> str:
    """Hash of an identifier value as delivered: 32 hexadecimal characters of HMAC-SHA256."""
    message = f"{identifier_type}:{value.strip()}".encode()
    return hmac.digest(key, message, hashlib.sha256).hex()[:HASH_LENGTH]


class IdentifierHasher:
    """Hashes identifier columns and keeps the clear values that are new, until :meth:`take_new` hands them out."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, dict[str, str]] = {}
        self._size = 0
        self._new: list[tuple[str, str, str]] = []

    def forget(self) -> None:
        """After a roll back: what was handed out did not reach the warehouse."""
        self._known.clear()
        self._new.clear()
        self._size = 0

    def take_new(self) -> pa.Table:
        """(identifier_type, value_hash, value) of the values met for the first time since the last call."""
        types, hashes, values = zip(*self._new, strict=True) if self._new else ((), (), ())
        self._new = []
        columns = {"identifier_type": types, "value_hash": hashes, "value": values}
        return pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})

    def hash_columns(self, feed: Feed, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """The columns with hashes in place of identifiers."""
        hashed = dict(columns)
        for name in feed.identifier_columns:
            if name in columns:
                hashed[name] = self._hash_column(name, columns[name])
        if feed.name == "identity_links":
            for side in ("left", "right"):
                types, values = columns[f"{side}_type"], columns[f"{side}_value"]
                hashed[f"{side}_value"] = self._hash_typed(types, values)
        return hashed

    def _hash_column(self, identifier_type: str, values: pa.Array) -> pa.Array:
        encoded = values.dictionary_encode()
        hashes = self._hash_all(identifier_type, encoded.dictionary.to_pylist())
        return pa.array(hashes, pa.string()).take(encoded.indices)

    def _hash_typed(self, types: pa.Array, values: pa.Array) -> pa.Array:
        """Values whose type stands in the column beside them."""
        result = pa.nulls(len(values), pa.string())
        for identifier_type in pc.unique(types).to_pylist():
            rows = pc.equal(types, identifier_type)
            some = pc.if_else(rows, values, pa.scalar(None, pa.string()))
            result = pc.coalesce(result, self._hash_column(identifier_type, some))
        return result

    def _hash_all(self, identifier_type: str, values: list[str]) -> list[str]:
        if self._size > REMEMBERED_VALUES:
            self._known.clear()
            self._size = 0
        known = self._known.setdefault(identifier_type, {})
        hashes = []
        for value in values:
            found = known.get(value)
            if found is None:
                found = known[value] = hash_value(self._key, identifier_type, value)
                self._size += 1
                self._new.append((identifier_type, found, value))
            hashes.append(found)
        return hashes
