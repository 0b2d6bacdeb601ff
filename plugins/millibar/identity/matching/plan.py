"""The match plan: which columns of a file say what about a person, and which pairs are worth comparing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class Field(StrEnum):
    """What a column can say about a record; values are the names an analyst writes in identity.yml."""

    RECORD_ID = "record_id"
    SOURCE = "source"
    GIVEN_NAME = "given_name"
    FAMILY_NAME = "family_name"
    FULL_NAME = "full_name"
    BIRTH_DATE = "birth_date"
    STREET = "street"
    HOUSE_NUMBER = "house_number"
    POSTAL_CODE = "postal_code"
    CITY = "city"
    COUNTRY = "country"
    EMAIL = "email"
    PHONE = "phone"
    LOYALTY_ID = "loyalty_id"
    CRM_ID = "crm_id"
    POSTAL_KEY = "postal_key"


class ExtraKind(StrEnum):
    """How a column beyond the fields is compared."""

    IDENTIFIER = "identifier"  # nearly unique to a person: equal, one slip, other
    TEXT = "text"  # equal, alike, other
    CATEGORY = "category"  # equal, other


@dataclass(frozen=True)
class Extra:
    """A column compared beside the fields; ``name`` is its feature column (``extra_...``)."""

    name: str
    column: str
    kind: ExtraKind


# Short fields may repeat between people by the thousand: no block of its own can be made of them.
MOST_EXTRAS = 6

# Order in which formats are tried on a column of dates; ``%d/%m`` comes before ``%m/%d`` unless the column refutes it.
DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y%m%d",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%m-%d-%Y",
    "%d %m %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%Y-%m",
    "%Y",
)


def in_order(columns: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Field and column pairs in the order of the fields."""
    return tuple((str(name), columns[name]) for name in Field if name in columns)


@dataclass(frozen=True)
class MatchPlan:
    """``columns``: field -> column of the file. ``extras``: further columns to compare. ``date_formats``: formats to
    try, first fit of a column wins. ``placeholders``: field -> values that are nobody's. ``notes``: what the plan
    assumed, in words, to tell the user.
    """

    columns: tuple[tuple[str, str], ...]
    extras: tuple[Extra, ...] = ()
    date_formats: tuple[str, ...] = DATE_FORMATS
    placeholders: tuple[tuple[str, tuple[str, ...]], ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def column(self, name: str) -> str | None:
        """Column that fills a field, None where the file has none."""
        return dict(self.columns).get(name)

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    def without(self, *columns: str) -> MatchPlan:
        """The plan without the named columns of the file."""
        return replace(
            self,
            columns=tuple(pair for pair in self.columns if pair[1] not in columns),
            extras=tuple(extra for extra in self.extras if extra.column not in columns),
        )

    @classmethod
    def of_feed(cls) -> MatchPlan:
        """The plan of the customers feed."""
        renamed = {"first_name": Field.GIVEN_NAME, "last_name": Field.FAMILY_NAME}
        fields = (
            *("record_id", "source", "first_name", "last_name", "birth_date", "street", "postal_code", "city"),
            *("country", "email", "phone", "loyalty_id", "crm_id", "postal_key"),
        )
        return cls(in_order({str(renamed.get(column, column)): column for column in fields}))

    @classmethod
    def detect(cls, frame: pd.DataFrame, truth: str | None = None) -> MatchPlan:
        """See :func:`millibar.identity.matching.detection.detect`."""
        from millibar.identity.matching.detection import detect

        return detect(frame, truth)

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it; column names only, no values of persons but for the listed placeholders."""
        return {
            "columns": dict(self.columns),
            "extras": [{"name": x.name, "column": x.column, "kind": str(x.kind)} for x in self.extras],
            "date_formats": list(self.date_formats),
            "placeholders": {name: list(values) for name, values in self.placeholders},
        }

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> MatchPlan:
        """Reads what :meth:`to_dict` wrote."""
        return cls(
            columns=in_order(told["columns"]),
            extras=tuple(Extra(x["name"], x["column"], ExtraKind(x["kind"])) for x in told["extras"]),
            date_formats=tuple(told["date_formats"]),
            placeholders=tuple((name, tuple(values)) for name, values in sorted(told["placeholders"].items())),
        )
