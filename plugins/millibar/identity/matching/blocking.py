"""Blocking keys: records are compared where they agree in one; keys are hashes, so that a database can index them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.addresses import street_stem
from millibar.identity.matching.columns import BLOCK_COLUMNS
from millibar.identity.matching.plan import ExtraKind, MatchPlan
from millibar.identity.names import root_name, sound
from millibar.identity.normalise import mailbox_name

Hashes = npt.NDArray[np.uint64]  # 0 where missing

# Which keys make a block, in the order of worth: a file fills the block columns with the first ones it has the fields
# for. The customers feed fills them with the first sixteen. ``area`` is the postal code or else the town, ``place``
# the town or else the first other text.
BLOCKS: tuple[tuple[str, ...], ...] = (
    ("email",),
    ("phone",),
    ("loyalty_id",),
    ("crm_id",),
    ("postal_key",),
    ("mailbox",),
    ("sounds", "birth_year"),
    ("birth_date", "given_sound"),
    ("birth_date", "family_sound"),
    ("birth_date", "area"),
    ("sounds", "postal_code"),
    ("sounds", "place"),
    ("name_key",),
    ("sounds", "birth_day"),
    ("street_stem", "house_number", "area"),
    ("birth_date",),
    ("identifier",),
    ("second_identifier",),
    ("sounds", "other"),
    ("street_stem", "given_sound"),
    ("street_stem", "family_sound"),
    ("area", "given_sound", "birth_year"),
    ("area", "family_sound", "birth_year"),
    ("given_sound", "place", "birth_year"),
    ("family_sound", "other", "initial"),
    ("street_stem", "birth_year"),
    ("street_stem", "house_number"),
)
# Fields whose withdrawal empties blocks; each has the columns of these places to itself.
DEPENDING: Mapping[str, tuple[str, ...]] = {
    "email": ("block_0", "block_5"),
    "phone": ("block_1",),
    "loyalty_id": ("block_2",),
    "crm_id": ("block_3",),
    "postal_key": ("block_4",),
}
# Fields a key is made of; a key without an entry is the field of its own name.
_FIELDS_OF: Mapping[str, tuple[str, ...]] = {
    "mailbox": ("email",),
    "sounds": ("given_name", "family_name", "full_name"),
    "given_sound": ("given_name", "full_name"),
    "family_sound": ("family_name", "full_name"),
    "initial": ("given_name", "full_name"),
    "name_key": ("given_name", "full_name"),
    "birth_year": ("birth_date",),
    "birth_day": ("birth_date",),
    "area": ("postal_code", "city"),
    "place": ("city", "other"),
    "street_stem": ("street",),
    "house_number": ("house_number", "street"),
}

# A block of more records says too little: its pairs are left to the other blocks. Keys that strangers share, lower.
HOT_BLOCK = 300
HOT_LIMITS: Mapping[tuple[str, ...], int] = {
    ("mailbox",): 40,
    ("name_key",): 60,
    ("birth_date",): 25,
    ("street_stem", "house_number"): 12,
    ("street_stem", "given_sound"): 12,
    ("street_stem", "family_sound"): 12,
    ("street_stem", "birth_year"): 12,
}

SHORTEST_MAILBOX = 5

_PRIME = np.uint64(0x9E3779B97F4A7C15)


def blocks_of(plan: MatchPlan) -> tuple[tuple[str, ...], ...]:
    """The keys of each block column; () where the plan has no use for the column.

    Identifiers keep their own columns; a column of an identifier the plan lacks goes to the next block in line.
    """
    present = {*plan.fields}
    kinds = [extra.kind for extra in plan.extras]
    present |= {"other"} if ExtraKind.TEXT in kinds else set()
    present |= {("identifier", "second_identifier")[n] for n in range(min(kinds.count(ExtraKind.IDENTIFIER), 2))}
    usable = [keys for keys in BLOCKS if all(present & {*_FIELDS_OF.get(key, (key,))} for key in keys)]
    own = {place: keys for place, keys in enumerate(BLOCKS[: len(BLOCK_COLUMNS)]) if keys in usable}
    waiting = [keys for keys in usable if keys not in own.values()]
    return tuple(
        own[place] if place in own else (waiting.pop(0) if waiting else ()) for place in range(len(BLOCK_COLUMNS))
    )


def block_columns(features: pd.DataFrame, plan: MatchPlan) -> dict[str, pd.Series]:
    """Block columns of the features: nullable int64, null where one of a block's keys is missing."""
    keys = _keys(features, plan)
    nothing = np.zeros(len(features), dtype=np.uint64)
    return {
        column: _series(
            _combined([keys[key] for key in names], BLOCKS.index(names)) if names else nothing, features.index
        )
        for column, names in zip(BLOCK_COLUMNS, blocks_of(plan), strict=True)
    }


def hot_blocks(features: pd.DataFrame, plan: MatchPlan) -> pd.DataFrame:
    """block_column, block: blocks of more records than are worth comparing all with all."""
    found = []
    for column, names in zip(BLOCK_COLUMNS, blocks_of(plan), strict=True):
        counts = features[column].dropna().value_counts()
        hot = np.sort(counts.index[counts > HOT_LIMITS.get(names, HOT_BLOCK)].to_numpy(dtype=np.int64))
        found.append(pd.DataFrame({"block_column": column, "block": hot}))
    return pd.concat(found, ignore_index=True).astype({"block_column": object, "block": np.int64})


def _keys(features: pd.DataFrame, plan: MatchPlan) -> dict[str, Hashes]:
    given = _mapped(features["given_name"], lambda name: root_name(name).split(" ")[0])
    given_sound = _hash(_mapped(given, sound))
    family_sound = _hash(_mapped(features["family_name"], sound))
    birth = features["birth_date"]
    whole = birth.where(birth.str.len() == 10, None)
    postal, city = _hash(features["postal_code"]), _hash(features["city"])
    texts = [extra.name for extra in plan.extras if extra.kind is ExtraKind.TEXT]
    identifiers = [extra.name for extra in plan.extras if extra.kind is ExtraKind.IDENTIFIER]
    nothing = np.zeros(len(features), dtype=np.uint64)
    other = _hash(features[texts[0]]) if texts else nothing
    both = (given_sound != 0) & (family_sound != 0)
    with np.errstate(over="ignore"):
        sounds = np.where(both, given_sound + family_sound, np.uint64(0))  # the same whichever comes first
    return {
        **{kind: _hash(features[kind]) for kind in ("email", "phone", "loyalty_id", "crm_id", "postal_key")},
        "mailbox": _hash(_mapped(features["email"], _mailbox)),
        "street_stem": _hash(_mapped(features["street"], street_stem)),
        "house_number": _hash(features["house_number"]),
        "other": other,
        "initial": _hash(_mapped(given, lambda name: name[0])),
        "postal_code": postal,
        "area": np.where(postal != 0, postal, city),
        "place": np.where(city != 0, city, other),
        "sounds": sounds,
        "given_sound": given_sound,
        "family_sound": family_sound,
        "name_key": np.where(both, _hash(features["name_key"]), np.uint64(0)),
        "birth_date": _hash(whole),
        "birth_year": _hash(birth.str[:4]),
        "birth_day": _hash(whole.str[5:]),
        "identifier": _hash(features[identifiers[0]]) if identifiers else nothing,
        "second_identifier": _hash(features[identifiers[1]]) if len(identifiers) > 1 else nothing,
    }


def _mailbox(address: str) -> str | None:
    local = mailbox_name(address)
    return local if len(local) >= SHORTEST_MAILBOX else None


def _mapped(values: pd.Series, form: Callable[[str], str | None]) -> pd.Series:
    """``form`` of each distinct value; missing stays missing."""
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    table = np.empty(len(distinct) + 1, dtype=object)
    table[:-1] = [form(value) for value in distinct]
    return pd.Series(table[codes], index=values.index, dtype=object)


def _hash(values: pd.Series) -> Hashes:
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    hashed = pd.util.hash_array(np.asarray(distinct, dtype=object), categorize=False) | np.uint64(1)
    table: Hashes = np.append(hashed, np.uint64(0)).astype(np.uint64)
    return table[codes]


def _combined(keys: list[Hashes], number: int) -> Hashes:
    """One hash of several; 0 where one is missing."""
    mixed = np.full(len(keys[0]), np.uint64(number + 1), dtype=np.uint64)
    present = np.ones(len(mixed), dtype=np.bool_)
    with np.errstate(over="ignore"):
        for key in keys:
            mixed = (mixed ^ key) * _PRIME
            mixed ^= mixed >> np.uint64(29)
            present &= key != 0
    return np.where(present, mixed | np.uint64(1), np.uint64(0))


def _series(hashes: Hashes, index: pd.Index) -> pd.Series:
    return pd.Series(pd.arrays.IntegerArray(hashes.view(np.int64).copy(), hashes == 0), index=index)
