"""Records to features: normal forms of what a pair is compared by, and the blocking keys that find the pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.identity import addresses, names
from millibar.identity.dates import normal_dates
from millibar.identity.matching.blocking import DEPENDING, block_columns
from millibar.identity.matching.columns import BLOCK_COLUMNS, FEATURE_COLUMNS
from millibar.identity.matching.plan import ExtraKind, Field, MatchPlan
from millibar.identity.normalise import normalise_value
from millibar.identity.rules import IdentityRules

IDENTIFIERS = ("email", "phone", "loyalty_id", "crm_id", "postal_key")
# Reasons a value is no evidence although it is not a fault of the source.
_NOT_FAULTS = frozenset(("missing", "empty"))
LONGEST_TEXT = 160


@dataclass(frozen=True)
class Prepared:
    """``features``: record_id, FEATURE_COLUMNS, the plan's extra columns, BLOCK_COLUMNS; index 0..n-1, in the order of
    the records. ``faults``: values that are no evidence, by field and reason, as ``phone malformed``.
    """

    features: pd.DataFrame
    faults: dict[str, int]


def prepare(records: pd.DataFrame, plan: MatchPlan, rules: IdentityRules) -> Prepared:
    """Features of records.

    ``records``: record_id and the plan's columns, texts (a missing column counts as empty everywhere). A feature is a
    function of its own record alone, but for the format of a column of dates, which the column decides.
    """
    frame = pd.DataFrame({"record_id": records["record_id"].astype(str).to_numpy(dtype=object)})
    faults: Counter[str] = Counter()
    source = _Source(records, plan)
    frame["given_name"], frame["family_name"] = _names(source)
    pairs = zip(frame["given_name"].tolist(), frame["family_name"].tolist(), strict=True)
    frame["name_key"] = pd.Series([names.name_key(given, family) for given, family in pairs], dtype=object)
    frame["birth_date"], reasons = normal_dates(source.texts(Field.BIRTH_DATE), plan.date_formats)
    faults.update({f"birth_date {reason}": count for reason, count in reasons.items()})
    frame["street"], frame["house_number"] = _streets(source)
    frame["postal_code"] = _each(source.texts(Field.POSTAL_CODE), addresses.postal_code)
    frame["city"] = _each(source.texts(Field.CITY), addresses.city)
    frame["country"] = _each(source.texts(Field.COUNTRY), addresses.city)
    for kind in IDENTIFIERS:
        frame[kind], reasons = _identifiers(kind, source.texts(Field(kind)), rules)
        faults.update({f"{kind} {reason}": count for reason, count in reasons.items()})
    frame["source"] = source.texts(Field.SOURCE)
    for extra in plan.extras:
        form = _code_form if extra.kind is ExtraKind.IDENTIFIER else _text_form
        frame[extra.name] = _each(source.of_column(extra.column), form)
    blocks = pd.DataFrame(block_columns(frame, plan), index=frame.index)
    features = pd.concat([frame, blocks], axis=1)
    ordered = ["record_id", *FEATURE_COLUMNS, *(extra.name for extra in plan.extras), *BLOCK_COLUMNS]
    return Prepared(features[ordered], dict(sorted(faults.items())))


def withdraw(features: pd.DataFrame, column: str, rows: np.ndarray) -> pd.DataFrame:
    """The features without the evidence of ``column`` in ``rows`` (boolean, shape (n,)); its blocks go with it."""
    changed = features.copy(deep=False)
    held = rows & features[column].notna().to_numpy()
    if not held.any():
        return changed
    changed[column] = changed[column].where(~held, None)
    for block in DEPENDING.get(column, ()):
        changed[block] = changed[block].where(~held, pd.NA)
    return changed


class _Source:
    """The records' columns as texts without blanks around; None where empty."""

    def __init__(self, records: pd.DataFrame, plan: MatchPlan) -> None:
        self._records = records
        self._plan = plan
        self._unwanted = {name: frozenset(values) for name, values in plan.placeholders}

    def texts(self, name: Field) -> pd.Series:
        return self.of_column(self._plan.column(name), self._unwanted.get(name, frozenset()))

    def of_column(self, column: str | None, unwanted: frozenset[str] = frozenset()) -> pd.Series:
        if column is None or column not in self._records:
            return pd.Series(None, index=range(len(self._records)), dtype=object)
        values = self._records[column].reset_index(drop=True).astype(object)
        return _each(values, lambda text: None if (bare := text.strip()) in unwanted else bare or None)


def _each(values: pd.Series, form: Callable[[str], str | None]) -> pd.Series:
    """``form`` of each distinct text; what is no text is missing. Aligned with ``values``."""
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    table = np.empty(len(distinct) + 1, dtype=object)
    table[:-1] = [form(value if isinstance(value, str) else str(value)) for value in distinct]
    return pd.Series(table[codes], index=values.index, dtype=object)


def _names(source: _Source) -> tuple[pd.Series, pd.Series]:
    """First and family names; a name in one piece stands in where both are missing."""
    given, family, whole = (source.texts(name) for name in (Field.GIVEN_NAME, Field.FAMILY_NAME, Field.FULL_NAME))
    open_rows = given.isna() & family.isna() & whole.notna()
    if open_rows.any():
        parts = whole[open_rows].map(names.split_full_name)
        given, family = given.copy(), family.copy()
        given[open_rows] = [one or None for one, _ in parts]
        family[open_rows] = [other or None for _, other in parts]
    return _each(given, names.given_name), _each(family, names.family_name)


def _streets(source: _Source) -> tuple[pd.Series, pd.Series]:
    texts = source.texts(Field.STREET)
    codes, distinct = pd.factorize(texts, use_na_sentinel=True)
    parts = [addresses.split_street(str(value)) for value in distinct]
    streets, numbers = np.empty(len(parts) + 1, dtype=object), np.empty(len(parts) + 1, dtype=object)
    streets[:-1], numbers[:-1] = [street for street, _ in parts], [number for _, number in parts]
    own = _each(source.texts(Field.HOUSE_NUMBER), addresses.house_number)
    found = pd.Series(numbers[codes], dtype=object)
    return pd.Series(streets[codes], dtype=object), own.where(own.notna(), found)


def _identifiers(kind: str, values: pd.Series, rules: IdentityRules) -> tuple[pd.Series, Counter[str]]:
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    outcomes = [normalise_value(kind, value, rules) for value in distinct]
    table, reasons = np.empty(len(outcomes) + 1, dtype=object), np.empty(len(outcomes) + 1, dtype=object)
    table[:-1] = [outcome.value for outcome in outcomes]
    reasons[:-1] = [outcome.reason if outcome.value is None else None for outcome in outcomes]
    told = pd.Series(reasons[codes], dtype=object).dropna()
    counts = Counter({str(k): int(v) for k, v in told.value_counts().items() if k not in _NOT_FAULTS})
    return pd.Series(table[codes], dtype=object), counts


def _code_form(text: str) -> str | None:
    code = "".join(c for c in names.fold(text[:LONGEST_TEXT]) if c.isalnum())
    return code if len(set(code)) > 1 else None


def _text_form(text: str) -> str | None:
    words = names.tokens(text[:LONGEST_TEXT])
    told = " ".join(words)
    return None if not words or set(words) <= names.NOT_NAMES or told in names.ABBREVIATIONS else told
