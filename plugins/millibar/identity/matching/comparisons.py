"""What is compared and how: the levels of each comparison, in SQL for Splink, with start values and bounds in bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from millibar.identity.matching.plan import Extra, ExtraKind, MatchPlan

ELSE = "else"
NO_EVIDENCE = "no evidence"
UNTRAINED = 2 / 3


@dataclass(frozen=True)
class Level:
    """A level: ``words`` for people, ``condition`` in SQL over ``*_l`` and ``*_r``, ``m``: start value, share of true
    pairs; ``bounds``: least and most bits it may weigh (before term frequencies); ``frequency``: column whose common
    values weigh less.
    """

    words: str
    condition: str
    m: float
    bounds: tuple[float, float]
    frequency: str | None = None


@dataclass(frozen=True)
class Comparison:
    """``columns``: features a person is shown; ``missing``: SQL of no evidence; ``levels``: strongest first."""

    name: str
    columns: tuple[str, ...]
    missing: str
    levels: tuple[Level, ...]

    def settings(self) -> dict[str, Any]:
        """As Splink's settings want it."""
        told: list[dict[str, Any]] = [
            {"sql_condition": self.missing, "label_for_charts": NO_EVIDENCE, "is_null_level": True}
        ]
        for level in self.levels:
            entry: dict[str, Any] = {"sql_condition": level.condition, "label_for_charts": level.words}
            entry["m_probability"] = level.m
            if level.frequency:
                entry["tf_adjustment_column"] = level.frequency
                entry["disable_tf_exact_match_detection"] = True
            told.append(entry)
        return {"output_column_name": self.name, "comparison_levels": told}

    def untrained(self) -> dict[str, Any]:
        """Settings with weights two thirds into each level's bounds, for a column no model was trained on."""
        told = self.settings()
        for level, entry in zip(self.levels, told["comparison_levels"][1:], strict=True):
            low, high = level.bounds
            weight = high * UNTRAINED if high > 0 else (low + high) / 2
            entry["u_probability"] = min(level.m / 2**weight, 1.0)
        return told


def _same(*columns: str) -> str:
    return " and ".join(f"{column}_l = {column}_r" for column in columns)


def _alike(column: str, least: float, other: str | None = None) -> str:
    return f"jaro_winkler_similarity({column}_l, {other or column}_r) >= {least}"


def _slips(column: str, most: int, likely: str) -> str:
    """At most so many slips (edits, neighbours exchanged); computed only where the cheap condition ``likely`` holds."""
    return f"case when {likely} then damerau_levenshtein({column}_l, {column}_r) <= {most} else false end"


def _half_same(column: str, first: int, last: int) -> str:
    """One slip leaves the beginning or the end as it was."""
    beginning = f"left({column}_l, {first}) = left({column}_r, {first})"
    return f"({beginning} or right({column}_l, {last}) = right({column}_r, {last}))"


def _no(column: str) -> str:
    return f"({column}_l is null or {column}_r is null)"


_SWAPPED = "given_name_l = family_name_r and family_name_l = given_name_r"
_SAME_GIVEN = (
    "(given_root_l = given_root_r or starts_with(given_name_l, given_name_r || ' ')"
    " or starts_with(given_name_r, given_name_l || ' ') or given_joined_l = given_joined_r)"
)
_INITIAL = (
    "((length(given_name_l) = 1 or length(given_name_r) = 1 or given_initials_l = given_joined_r"
    " or given_initials_r = given_joined_l) and given_name_l[1] = given_name_r[1])"
)
_NEAR_GIVEN = f"({_SAME_GIVEN} or {_alike('given_name', 0.87)})"
_SAME_FAMILY = (
    "(family_name_l = family_name_r or family_joined_l = family_joined_r"
    " or starts_with(family_name_l, family_name_r || ' ') or starts_with(family_name_r, family_name_l || ' ')"
    " or ends_with(family_name_l, ' ' || family_name_r) or ends_with(family_name_r, ' ' || family_name_l))"
)
_NEAR_FAMILY = f"({_SAME_FAMILY} or {_alike('family_name', 0.87)})"
_NEAR_SWAPPED = f"({_alike('given_name', 0.9, 'family_name')} and {_alike('family_name', 0.9, 'given_name')})"

NAME = Comparison(
    "name",
    ("given_name", "family_name"),
    "(name_key_l is null or name_key_r is null"
    " or (given_name_l is null and family_name_r is null) or (family_name_l is null and given_name_r is null))",
    (
        Level("same first and family name", _same("given_name", "family_name"), 0.6, (2, 24), "name_key"),
        Level("first and family name exchanged", _SWAPPED, 0.02, (2, 24), "name_key"),
        Level(
            "same family name, first name a short form or compound",
            f"family_name_l = family_name_r and {_SAME_GIVEN}",
            0.08,
            (1, 16),
            "family_name",
        ),
        Level("both names alike", f"{_NEAR_GIVEN} and {_NEAR_FAMILY}", 0.1, (1, 16)),
        Level("both names alike, exchanged", _NEAR_SWAPPED, 0.01, (1, 14)),
        Level("same family name, initial agrees", f"{_NEAR_FAMILY} and {_INITIAL}", 0.02, (0, 12), "family_name"),
        Level("same family name, first name unknown", f"{_no('given_name')} and {_NEAR_FAMILY}", 0.03, (0, 4)),
        Level(
            "same first name, family name unknown",
            f"{_no('family_name')} and {_NEAR_GIVEN}",
            0.03,
            (0, 9),
            "given_name",
        ),
        Level(
            "first name of one is the family name of the other",
            "(given_name_l = family_name_r or family_name_l = given_name_r)",
            0.01,
            (-3, 6),
        ),
        Level("same first name, other family name", _NEAR_GIVEN, 0.05, (-4, 6), "given_name"),
        Level("same family name, other first name", _NEAR_FAMILY, 0.02, (-6, -1)),
        Level("other names", ELSE, 0.04, (-10, -3)),
    ),
)

_DAY_SWAP = (
    "birth_date_l[1:4] = birth_date_r[1:4] and birth_date_l[6:7] = birth_date_r[9:10]"
    " and birth_date_l[9:10] = birth_date_r[6:7]"
)
_WHOLE = "length(birth_date_l) = 10 and length(birth_date_r) = 10"
_PARTS = (
    "((birth_date_l[1:4] = birth_date_r[1:4])::int + (birth_date_l[6:7] = birth_date_r[6:7])::int"
    " + (birth_date_l[9:10] = birth_date_r[9:10])::int)"
)

BIRTH_DATE = Comparison(
    "birth_date",
    ("birth_date",),
    _no("birth_date"),
    (
        Level("same birth date", f"birth_date_l = birth_date_r and {_WHOLE}", 0.85, (4, 16), "birth_date"),
        Level(
            "birth date one digit off, or day and month exchanged",
            f"{_WHOLE} and ({_slips('birth_date', 1, _half_same('birth_date', 4, 5))} or ({_DAY_SWAP}))",
            0.07,
            (1, 11),
        ),
        Level(
            "same birth year, day unknown",
            f"not ({_WHOLE}) and birth_date_l[1:4] = birth_date_r[1:4]",
            0.05,
            (0, 6),
        ),
        Level("two parts of the birth date agree", f"{_WHOLE} and {_PARTS} >= 2", 0.02, (0, 7)),
        Level("same birth year", "birth_date_l[1:4] = birth_date_r[1:4]", 0.01, (-4, 3)),
        Level("other birth date", ELSE, 0.02, (-10, -2)),
    ),
)

# A mailbox called after its owner says no more than the name did, unless digits make it somebody's own.
_TELLING_MAILBOX = (
    "mailbox_l = mailbox_r and length(mailbox_l) >= 6 and (regexp_matches(mailbox_l, '[0-9]{2}')"
    " or not (contains(mailbox_l, coalesce(family_joined_l, family_joined_r, '#'))"
    " or contains(mailbox_l, coalesce(given_joined_l, given_joined_r, '#'))))"
)

# jean.martin1 and jean.martin2 are two people, jean.martim1 a slip.
_SAME_DIGITS = "regexp_replace(mailbox_l, '[^0-9]', '', 'g') = regexp_replace(mailbox_r, '[^0-9]', '', 'g')"

EMAIL = Comparison(
    "email",
    ("email",),
    _no("email"),
    (
        Level("same e-mail", _same("email"), 0.7, (4, 22), "email"),
        Level(
            "same mailbox name at another provider",
            _TELLING_MAILBOX,
            0.06,
            (0, 5),
        ),
        Level("e-mail one slip off", f"{_slips('email', 1, _alike('email', 0.9))} and {_SAME_DIGITS}", 0.02, (0, 14)),
        Level("other e-mail", ELSE, 0.22, (-4, -0.3)),
    ),
)

# A landline rings for a household: it is evidence of the address, and adds nothing to it.
_LANDLINE = "(phone_{side}[1:3] = '+33' and phone_{side}[4:4] not in ('6', '7'))"
_SAME_LANDLINE = f"(phone_l = phone_r and {_LANDLINE.format(side='l')})"

PHONE = Comparison(
    "phone",
    ("phone",),
    f"({_no('phone')} or {_LANDLINE.format(side='l')} or {_LANDLINE.format(side='r')})",
    (
        Level("same phone", _same("phone"), 0.6, (4, 20), "phone"),
        Level("phone one digit off", _slips("phone", 1, _half_same("phone", 7, 5)), 0.02, (0, 12)),
        Level("other phone", ELSE, 0.38, (-4, -0.3)),
    ),
)

LOYALTY_ID = Comparison(
    "loyalty_id",
    ("loyalty_id",),
    _no("loyalty_id"),
    (
        Level("same loyalty id", _same("loyalty_id"), 0.85, (6, 22), "loyalty_id"),
        Level("other loyalty id", ELSE, 0.15, (-5, -0.5)),
    ),
)

CRM_ID = Comparison(
    "crm_id",
    ("crm_id",),
    f"({_no('crm_id')} or (crm_id_l <> crm_id_r and (source_l is distinct from source_r)))",
    (
        Level("same customer number", _same("crm_id"), 0.5, (6, 22), "crm_id"),
        Level("other customer number of the same source", ELSE, 0.5, (-3, -0.2)),
    ),
)

_SAME_AREA = "(postal_code_l = postal_code_r or city_l = city_r)"

ADDRESS = Comparison(
    "address",
    ("street", "house_number", "postal_code", "city", "postal_key", "phone"),
    f"({_no('postal_key')} or postal_key_l <> postal_key_r) and {_no('postal_code')} and {_no('city')}"
    f" and not coalesce({_SAME_LANDLINE}, false)",
    (
        Level(
            "same address or landline",
            f"({_SAME_LANDLINE} or postal_key_l = postal_key_r"
            f" or (street_l = street_r and house_number_l = house_number_r and {_SAME_AREA}))",
            0.5,
            (1, 14),
        ),
        Level(
            "address alike",
            f"({_alike('street', 0.88)} and (postal_code_l = postal_code_r or {_alike('city', 0.88)}))",
            0.15,
            (1, 8),
        ),
        Level("same postal code", _same("postal_code"), 0.1, (0, 6), "postal_code"),
        Level("same town", _same("city"), 0.05, (-1, 4), "city"),
        Level(
            "postal code one sign off",
            _slips("postal_code", 1, _half_same("postal_code", 2, 2)),
            0.02,
            (-1, 3),
        ),
        Level(
            "same postal district",
            "left(postal_code_l, -3) = left(postal_code_r, -3) and length(postal_code_l) >= 5",
            0.02,
            (-2, 4),
        ),
        Level("other place", ELSE, 0.2, (-5, -0.5)),
    ),
)

_FIXED: tuple[tuple[Comparison, frozenset[str]], ...] = (
    (NAME, frozenset({"given_name", "family_name", "full_name"})),
    (BIRTH_DATE, frozenset({"birth_date"})),
    (EMAIL, frozenset({"email"})),
    (PHONE, frozenset({"phone"})),
    (LOYALTY_ID, frozenset({"loyalty_id"})),
    (CRM_ID, frozenset({"crm_id"})),
    (ADDRESS, frozenset({"postal_code", "city", "postal_key", "phone"})),
)


def comparisons_of(plan: MatchPlan) -> tuple[Comparison, ...]:
    """The comparisons whose columns the plan has, extras last."""
    fields = set(plan.fields)
    fixed = [comparison for comparison, needed in _FIXED if fields & needed]
    return (*fixed, *(_extra(extra) for extra in plan.extras))


def frequency_columns(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Columns whose values weigh by how common they are."""
    found = [level.frequency for comparison in comparisons for level in comparison.levels if level.frequency]
    return tuple(dict.fromkeys(found))


def _extra(extra: Extra) -> Comparison:
    name, words = extra.name, extra.column.replace("_", " ")
    same = f"same {words}"
    levels: tuple[Level, ...]
    if extra.kind is ExtraKind.IDENTIFIER:
        levels = (
            Level(same, _same(name), 0.8, (4, 22), name),
            Level(f"{words} one or two signs off", _slips(name, 2, _alike(name, 0.7)), 0.1, (0, 14)),
            Level(f"other {words}", ELSE, 0.1, (-10, -1)),
        )
    elif extra.kind is ExtraKind.TEXT:
        levels = (
            Level(same, _same(name), 0.7, (0, 12), name),
            Level(f"{words} alike", _alike(name, 0.88), 0.1, (0, 9)),
            Level(f"other {words}", ELSE, 0.2, (-6, -0.3)),
        )
    else:
        levels = (
            Level(same, _same(name), 0.9, (0, 6), name),
            Level(f"other {words}", ELSE, 0.1, (-6, -0.1)),
        )
    return Comparison(name, (name,), _no(name), levels)
