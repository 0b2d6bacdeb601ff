"""Tombstones: keyed hashes of what an erased person alone had; a row that carries one is not taken in again."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millibar.settings import Settings
from millibar.sources.blocks import Lines, Rejected
from millibar.sources.contracts import IDENTIFIER_TYPES, Feed
from millibar.sources.personal import HASH_LENGTH, hash_value
from millibar.warehouse.connect import Warehouse

ERASED = "erased person"  # the reason of a row that is not taken in
RECORD = "record"
# In front of a type: the value is left out wherever it comes, but does not say whose row it is (an address, a
# device, a landline, a value that names nobody).
VALUE_ONLY = "value:"
# The key under which facts of an erased person stay stands where a hash would, and is as long as one.
KEY_PREFIX = "erased:"
FACT_FEEDS = ("touchpoints", "orders")  # rows of these stay, under such a key, so that past totals do not change
ERASURE_FILE = "erasure"  # stands for the file in ops.load_batches, for batches of facts that an erasure moved

REMEMBERED_VALUES = 400_000
_TOKENS = re.compile(r"""[,;\t|"{}\[\]]|: """)

Codes = npt.NDArray[np.int64]

# What a value says of the row that carries it. Above 0: it named the person of that erasure; below LIVING: it is left
# out only, and its erasure is _erasure_of(code).
NOBODY = 0  # missing, or names nobody
LIVING = -1


def new_key() -> str:
    """A random key for the facts of one erased person; nothing kept leads from the person to it."""
    return KEY_PREFIX + secrets.token_hex(HASH_LENGTH)[: HASH_LENGTH - len(KEY_PREFIX)]


@dataclass(frozen=True)
class Spared:
    """What may be stored of a block.

    ``columns`` and ``lines`` of the rows that stay, with erased values taken out; ``keys``: for facts of an erased
    person the key in place of its identifiers, else null; ``erased``: lines of the rows left out.
    """

    columns: dict[str, pa.Array]
    lines: Lines
    keys: pa.Array | None
    erased: Lines


class Tombstones:
    """The tombstones as the loader asks them: once a distinct value.

    A value is looked up as delivered and in its normal form, so another spelling is caught as well. One instance is
    for one load of one source: facts of one erased person get one key a load, a new one each time.
    """

    def __init__(self, settings: Settings, found: dict[str, dict[str, int]]) -> None:
        from millibar.identity.normalise import normalise_value
        from millibar.pipeline.stages.identity.rules import load_rules

        self._found = found
        self._hash_key = settings.hash_key
        self._normalise = normalise_value
        self._rules = load_rules(settings).identity
        self._salt = secrets.token_bytes(HASH_LENGTH)
        self._looked_up: dict[tuple[str, str], int] = {}

    @classmethod
    def read(cls, warehouse: Warehouse, settings: Settings) -> Tombstones | None:
        """All tombstones; None where nobody was erased."""
        rows = warehouse.rows("select identifier_type, value_hash, erasure_id from ops.erased_identifiers")
        found: dict[str, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["identifier_type"], {})[row["value_hash"]] = row["erasure_id"]
        return cls(settings, found) if found else None

    def spare(self, source: str, feed: Feed, columns: dict[str, pa.Array], lines: Lines) -> Spared | None:
        """What may be stored of checked rows (clear values by feed column); None where all of it may."""
        codes = {name: self._codes(name, columns[name]) for name in feed.identifier_columns if name in columns}
        persons = _persons(feed, columns, codes, len(lines))
        if feed.name == "identity_links":
            persons = np.maximum(self._ends(columns, "left"), self._ends(columns, "right"))
        if feed.name == "customers":
            persons = np.maximum(persons, self._records(source, columns["record_id"]))
        if not persons.any() and not any(_erasure_of(code).any() for code in codes.values()):
            return None
        columns = {name: _without(values, codes[name]) if name in codes else values for name, values in columns.items()}
        if feed.name in FACT_FEEDS:
            return self._under_keys(feed, columns, lines, persons)
        kept = persons == 0
        places = pa.array(np.flatnonzero(kept))
        return Spared({name: values.take(places) for name, values in columns.items()}, lines[kept], None, lines[~kept])

    def blank(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Refused rows, without anything of those that carry a tombstoned value anywhere in their line."""
        return [
            replace(row, column=None, value=None, reason=ERASED, raw_line=None, public_reason=None)
            if self._names_erased(row)
            else row
            for row in rejected
        ]

    # ------------------------------------------------------------------ values

    def _codes(self, identifier_type: str, values: pa.Array) -> Codes:
        encoded = values.dictionary_encode()
        found = np.array([self._look_up(identifier_type, value) for value in encoded.dictionary.to_pylist()], np.int64)
        if not len(found):
            return np.zeros(len(values), np.int64)
        places = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False)
        return np.where(encoded.indices.is_valid().to_numpy(zero_copy_only=False), found[places], NOBODY)

    def _look_up(self, identifier_type: str, value: str) -> int:
        known = self._looked_up.get((identifier_type, value))
        if known is None:
            if len(self._looked_up) > REMEMBERED_VALUES:
                self._looked_up.clear()
            known = self._looked_up[identifier_type, value] = self._ask(identifier_type, value)
        return known

    def _ask(self, identifier_type: str, value: str) -> int:
        spellings = [value]
        normal = self._normalise(identifier_type, value, self._rules)
        if normal.value is not None and normal.value != value:
            spellings.append(normal.value)
        hashes = [hash_value(self._hash_key, identifier_type, spelling) for spelling in spellings]
        for form in hashes:
            if erasure := self._found.get(identifier_type, {}).get(form):
                return erasure
            if erasure := self._found.get(VALUE_ONLY + identifier_type, {}).get(form):
                return LIVING - erasure
        names_somebody = normal.value is not None and normal.reason is None
        return LIVING if names_somebody and identifier_type in deciding_types() else NOBODY

    def _ends(self, columns: dict[str, pa.Array], side: str) -> Codes:
        """Of links: the erasure of the value on one side, of whatever kind, for a link with one end says nothing."""
        types, values = columns[f"{side}_type"].to_pylist(), columns[f"{side}_value"].to_pylist()
        codes = np.array([self._look_up(kind, value) for kind, value in zip(types, values, strict=True)], np.int64)
        return _erasure_of(codes)

    def _records(self, source: str, record_ids: pa.Array) -> Codes:
        found = self._found.get(RECORD, {})
        if not found:
            return np.zeros(len(record_ids), np.int64)
        hashes = (record_hash(self._hash_key, f"{source}:{record}") for record in record_ids.to_pylist())
        return np.array([found.get(form, 0) for form in hashes], np.int64)

    def _names_erased(self, row: Rejected) -> bool:
        tokens = {token.strip(" '") for text in (row.raw_line, row.value) if text for token in _TOKENS.split(text)}
        kinds = [kind for kind in IDENTIFIER_TYPES if kind in self._found or VALUE_ONLY + kind in self._found]
        return any(self._look_up(kind, token) not in (NOBODY, LIVING) for token in tokens if token for kind in kinds)

    def _under_keys(self, feed: Feed, columns: dict[str, pa.Array], lines: Lines, persons: Codes) -> Spared:
        """Facts stay: those of an erased person under its key of this load, without identifiers and comments."""
        names = {erasure: self._key_of(int(erasure)) for erasure in np.unique(persons) if erasure}
        keys = pa.array([names.get(erasure) for erasure in persons], pa.string())
        personal = {column.name for column in feed.personal}
        hidden = pa.array(persons != 0)
        cleaned = {
            name: pc.if_else(hidden, pa.scalar(None, values.type), values)
            if name in personal or name in feed.identifier_columns
            else values
            for name, values in columns.items()
        }
        return Spared(cleaned, lines, keys, lines[:0])

    def _key_of(self, erasure: int) -> str:
        digest = hmac.digest(self._salt, str(erasure).encode(), hashlib.sha256).hex()
        return KEY_PREFIX + digest[: HASH_LENGTH - len(KEY_PREFIX)]


def record_hash(key: bytes, record_key: str) -> str:
    """Tombstone of a CRM record, ``source:record_id``."""
    return hash_value(key, RECORD, record_key)


def deciding_types() -> tuple[str, ...]:
    """Identifier types that name a person, in order of trust."""
    from millibar.identity.rules import IdentityRules

    return tuple(kind for kind in IDENTIFIER_TYPES if kind not in IdentityRules().shared_types)


def _persons(feed: Feed, columns: dict[str, pa.Array], codes: dict[str, Codes], rows: int) -> Codes:
    """The erasure whose person a row is of, or 0.

    Of a CRM record any value of an erased person decides. Of other rows the first value that names somebody does:
    what a living customer did with a borrowed address stays theirs, without that address. A row that is left without
    any identifier is nobody else's, so it is the erased person's.
    """
    persons, emptied_by = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    is_living, keeps_one = np.zeros(rows, np.bool_), np.zeros(rows, np.bool_)
    for name in (kind for kind in IDENTIFIER_TYPES if kind in codes):
        code = codes[name]
        persons = np.where(~is_living & (persons == 0) & (code > 0), code, persons)
        if feed.name == "customers":
            continue
        is_living |= code == LIVING
        keeps_one |= (_erasure_of(code) == 0) & columns[name].is_valid().to_numpy(zero_copy_only=False)
        emptied_by = np.where(emptied_by == 0, _erasure_of(code), emptied_by)
    return np.where((persons == 0) & ~keeps_one, emptied_by, persons)


def _erasure_of(codes: Codes) -> Codes:
    return np.where(codes > 0, codes, np.where(codes < LIVING, LIVING - codes, 0))


def _without(values: pa.Array, codes: Codes) -> pa.Array:
    gone = _erasure_of(codes) > 0
    return pc.if_else(pa.array(gone), pa.scalar(None, values.type), values) if gone.any() else values
