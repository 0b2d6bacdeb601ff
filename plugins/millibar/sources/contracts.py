"""Feed contracts: the columns, types and limits of every feed a source may fill, and so of raw.<feed>."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Kind(StrEnum):
    """Type of a feed column; how it is stored in the warehouse follows from it."""

    TEXT = "text"
    TIMESTAMP = "timestamp"  # stored in UTC
    DATE = "date"
    MONEY = "money"  # exact decimal, 4 places
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Column:
    """One column of a feed.

    ``personal`` columns are written to ``pii.<feed>`` and never to ``raw.<feed>``; identifiers are written to
    ``raw`` as keyed hashes, with their clear value in ``pii.identifier_values``.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = 500
    pattern: str = ""  # regular expression the whole text must match; ``meaning`` says it in words
    personal: bool = False
    meaning: str = ""


@dataclass(frozen=True)
class Feed:
    """A feed: its grain, its columns, the columns that name one row, and whether it carries identifiers."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    identifiers: bool = False
    event_time: str | None = None
    version: str | None = None  # of two rows with one key the later in this column is kept; else the later delivered
    _by_name: dict[str, Column] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_name.update({column.name: column for column in self.columns})

    def column(self, name: str) -> Column:
        """The column of that name; ``KeyError`` where the feed has none."""
        return self._by_name[name]

    @property
    def stored(self) -> tuple[Column, ...]:
        """Columns kept in ``raw.<feed>`` (personal ones are not)."""
        return tuple(column for column in self.columns if not column.personal)

    @property
    def personal(self) -> tuple[Column, ...]:
        """Columns kept in ``pii.<feed>`` only."""
        return tuple(column for column in self.columns if column.personal)

    @property
    def identifier_columns(self) -> tuple[str, ...]:
        return IDENTIFIER_TYPES if self.identifiers else ()


# In the order of trust: the first one a row carries is the one that names its customer when several disagree.
IDENTIFIER_TYPES = (
    "crm_id",
    "loyalty_id",
    "email",
    "phone",
    "device_id",
    "cookie_id",
    "social_handle",
    "postal_key",
)

CHANNELS = (
    "email",
    "sms",
    "direct_mail",
    "call_center",
    "field_sales",
    "social",
    "push_app",
    "push_web",
    "messenger",
    "programmatic",
    "onsite",
    "chat",
    "search_paid",
    "search_organic",
    "referral",
    "direct",
    "store",
)

EVENT_TYPES = (
    "send",
    "delivery",
    "bounce",
    "impression",
    "open",
    "click",
    "visit",
    "reply",
    "call",
    "chat",
    "comment",
    "share",
    "follow",
    "unfollow",
    "unsubscribe",
    "spam_complaint",
    "complaint",
    "meeting",
)

EARLIEST_EVENT = date(1990, 1, 1)  # anything before is the zero of some clock
EARLIEST_BIRTH = date(1900, 1, 1)
LATEST_PLAN = date(2100, 12, 31)  # for dates that may lie ahead, such as the end of a campaign

ABSURD_AMOUNT = 1e9  # a single amount at or beyond this is a fault of the source, in any currency

# Columns the loader adds to every raw table, with their warehouse types.
TECHNICAL_COLUMNS = {
    "_source": "text not null",
    "_batch_id": "bigint not null",
    "_file": "text not null",
    "_row_number": "bigint not null",
    "_loaded_at": "timestamptz not null",
    "_delivered_on": "date not null",
    "_row_hash": "text not null",
    "_row_key": "uuid primary key",
}


def _money(name: str, **options: object) -> Column:
    limits: dict[str, object] = {"minimum": 0.0, "maximum": ABSURD_AMOUNT}
    return Column(name, Kind.MONEY, **(limits | options))  # type: ignore[arg-type]


CURRENCY = Column("currency", max_length=3, pattern="[A-Z]{3}", meaning="three capital letters, such as EUR")

FEEDS: dict[str, Feed] = {
    feed.name: feed
    for feed in (
        Feed(
            "customers",
            "CRM record",
            ("record_id",),
            (
                Column("record_id", required=True, max_length=200),
                Column("updated_at", Kind.TIMESTAMP, required=True),
                Column("first_name", personal=True),
                Column("last_name", personal=True),
                Column("birth_date", Kind.DATE, personal=True),
                Column("street", personal=True),
                Column("postal_code", personal=True, max_length=20),
                Column("city", personal=True),
                Column("country", max_length=60),
                Column("stated_channel", meaning="the channel the customer says to prefer"),
                Column("stated_hour", Kind.INTEGER, minimum=0, maximum=23),
                Column("acquisition_channel"),
            ),
            identifiers=True,
            event_time="updated_at",
            version="updated_at",
        ),
        Feed(
            "identity_links",
            "observed pair of identifiers",
            ("left_type", "left_value", "right_type", "right_value", "observed_at"),
            (
                Column("left_type", required=True, allowed=IDENTIFIER_TYPES),
                Column("left_value", required=True),
                Column("right_type", required=True, allowed=IDENTIFIER_TYPES),
                Column("right_value", required=True),
                Column("observed_at", Kind.TIMESTAMP, required=True),
            ),
            event_time="observed_at",
        ),
        Feed(
            "touchpoints",
            "one interaction, in or out",
            ("touchpoint_id",),
            (
                Column("touchpoint_id", required=True, max_length=200),
                Column("occurred_at", Kind.TIMESTAMP, required=True),
                Column("channel", required=True, max_length=60),
                Column("event_type", required=True, allowed=EVENT_TYPES),
                Column("direction", allowed=("out", "in")),
                Column("campaign_id", max_length=200),
                Column("message_id", max_length=200),
                Column("message_type", max_length=100),
                Column("theme", max_length=200),
                Column("device", max_length=100),
                Column("resolution", allowed=("positive", "negative", "neutral")),
                Column("comment", personal=True, max_length=5000),
                _money("cost"),
                CURRENCY,
            ),
            identifiers=True,
            event_time="occurred_at",
        ),
        Feed(
            "orders",
            "order",
            ("order_id",),
            (
                Column("order_id", required=True, max_length=200),
                Column("ordered_at", Kind.TIMESTAMP, required=True),
                _money("amount", required=True),
                CURRENCY,
                _money("margin", minimum=-ABSURD_AMOUNT),
                Column("sales_channel", max_length=60),
                Column("items", Kind.INTEGER, minimum=0, maximum=1_000_000),
            ),
            identifiers=True,
            event_time="ordered_at",
        ),
        Feed(
            "returns",
            "returned order line",
            ("return_id",),
            (
                Column("return_id", required=True, max_length=200),
                Column("order_id", required=True, max_length=200),
                Column("returned_at", Kind.TIMESTAMP, required=True),
                _money("amount", required=True),
                Column("reason"),
            ),
            event_time="returned_at",
        ),
        Feed(
            "subscriptions",
            "one term of a subscription",
            ("subscription_id", "starts_on"),
            (
                Column("subscription_id", required=True, max_length=200),
                Column("starts_on", Kind.DATE, required=True, meaning="first day of the term"),
                Column("ends_on", Kind.DATE, required=True, meaning="last day of the term, unless it is renewed"),
                Column("cancelled_on", Kind.DATE, meaning="day the customer said that this term is the last"),
                _money("amount"),
                CURRENCY,
                Column("plan", max_length=200),
            ),
            identifiers=True,
        ),
        Feed(
            "consents",
            "a yes or a no",
            ("changed_at", "channel", *IDENTIFIER_TYPES),
            (
                Column("changed_at", Kind.TIMESTAMP, required=True),
                Column("channel", required=True, max_length=60),
                Column("granted", Kind.BOOLEAN, required=True),
            ),
            identifiers=True,
            event_time="changed_at",
        ),
        Feed(
            "campaigns",
            "campaign",
            ("campaign_id",),
            (
                Column("campaign_id", required=True, max_length=200),
                Column("name", required=True),
                Column("team", max_length=200),
                Column("theme", max_length=200),
                Column("starts_on", Kind.DATE),
                Column("ends_on", Kind.DATE),
                Column("effort_days", Kind.NUMBER, minimum=0, maximum=100_000),
                _money("planned_cost"),
                Column("targeting", allowed=("mass", "segment", "trigger", "one_to_one")),
                Column("content", allowed=("generic", "product", "customer", "context")),
            ),
        ),
        Feed(
            "spend",
            "day x channel x campaign",
            ("spent_on", "channel", "campaign_id"),
            (
                Column("spent_on", Kind.DATE, required=True),
                Column("channel", required=True, max_length=60),
                _money("cost", required=True),
                Column("campaign_id", max_length=200),
                CURRENCY,
                Column("impressions", Kind.INTEGER, minimum=0),
                Column("clicks", Kind.INTEGER, minimum=0),
            ),
            event_time="spent_on",
        ),
        Feed(
            "theme_plans",
            "quarter x channel x theme",
            ("quarter", "channel", "theme"),
            (
                Column("quarter", required=True, max_length=7, pattern=r"\d{4}-Q[1-4]", meaning="such as 2025-Q1"),
                Column("channel", required=True, max_length=60),
                Column("theme", required=True, max_length=200),
                Column("committed_share", Kind.NUMBER, required=True, minimum=0, maximum=1),
            ),
        ),
        Feed(
            "experiments",
            "assignment of a person to an arm",
            ("experiment_id", *IDENTIFIER_TYPES),
            (
                Column("experiment_id", required=True, max_length=200),
                Column("assigned_at", Kind.TIMESTAMP, required=True),
                Column("arm", required=True, allowed=("treated", "holdout")),
                Column("channel", max_length=60),
                Column("campaign_id", max_length=200),
                Column("ends_at", Kind.TIMESTAMP),
            ),
            identifiers=True,
            event_time="assigned_at",
        ),
        Feed(
            "staffing",
            "month x team",
            ("month", "team"),
            (
                Column("month", Kind.DATE, required=True, meaning="first day of the month"),
                Column("team", required=True, max_length=200),
                Column("headcount", Kind.NUMBER, required=True, minimum=0, maximum=1_000_000),
                Column("leavers", Kind.NUMBER, required=True, minimum=0, maximum=1_000_000),
            ),
            event_time="month",
        ),
    )
}

SQL_TYPES = {
    Kind.TEXT: "text",
    Kind.TIMESTAMP: "timestamptz",
    Kind.DATE: "date",
    Kind.MONEY: "numeric(18, 4)",
    Kind.INTEGER: "bigint",
    Kind.NUMBER: "double precision",
    Kind.BOOLEAN: "boolean",
}
