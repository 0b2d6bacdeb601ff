"""Where a person has left traces: for each table the rows that go, the rows that stay as nobody's, and the change."""

from __future__ import annotations

import re
from dataclasses import dataclass

from psycopg2 import sql

from millibar.privacy.person import Person
from millibar.sources.contracts import FEEDS, IDENTIFIER_TYPES
from millibar.warehouse.connect import Warehouse, identifier

DELETED, ANONYMISED = "deleted", "made anonymous"

# Events and what adds up to totals: these rows stay, under the anonymous customer. Of every other table the person's
# rows are deleted; the next run makes anew what belongs to the anonymous customer.
KEPT_AS_NOBODYS = frozenset(
    {
        "intermediate.customer_changes",
        "intermediate.int_journey__steps",
        "intermediate.int_attribution__credits",
        "marts.fct_touchpoint",
        "marts.fct_order",
        "marts.fct_return",
        "marts.fct_journey",
        "marts.fct_pressure_daily",
    }
)
JUDGED_BY_VALUE = frozenset({"pii.identity_frequencies", "pii.rejected_rows"})  # see _personal_steps
# Its rows of combinations that others have, too, are needed by the next run to count back.
COUNTED_BACK = frozenset({"intermediate.int_identity__row_signatures"})
LONG_ENOUGH = 7  # a shorter value may stand inside another one by chance, so it must fill a field of the line
BUILT = ("intermediate", "marts", "reporting", "bi", "scores")
# Told by their name: columns that hold a customer, a keyed hash or a record, and keys of rows
_CUSTOMER = re.compile(r"(.*_)?(customer_id|alias_id)$")
_HASH = re.compile(rf"({'|'.join(IDENTIFIER_TYPES)}|(.*_)?(hash|node|record|record_key|value))$")
_ROW_KEY = re.compile(r"(.*_)?row_key$")
_TOLD = {
    "ops.quality_results": ("observed", "sample"),
    "ops.dbt_results": ("message",),
    "ops.stage_runs": ("message",),
    "ops.pipeline_runs": ("message",),
}


@dataclass(frozen=True)
class Step:
    """Rows of a table that go, or with ``change`` are changed; ``condition`` reads temporary tables only."""

    table: str
    action: str
    condition: sql.Composable
    change: sql.Composable | None = None

    def count(self, warehouse: Warehouse) -> int:
        statement = sql.SQL("select count(*) from {} as t where {}").format(identifier(self.table), self.condition)
        return int(warehouse.value(statement))

    def take(self, warehouse: Warehouse) -> int:
        if self.change is None:
            statement = sql.SQL("delete from {} as t where {}").format(identifier(self.table), self.condition)
        else:
            statement = sql.SQL("update {} as t set {} where {}").format(
                identifier(self.table), self.change, self.condition
            )
        return warehouse.execute(statement)


def find_traces(warehouse: Warehouse, person: Person, anonymous_id: str) -> list[Step]:
    """Every step, after :func:`millibar.privacy.rows.find_rows`; ``anonymous_id`` takes over the facts."""
    _needles(warehouse, person)
    columns = _columns(warehouse)
    steps = _raw_steps()
    for table, kinds in columns.items():
        steps += _steps_of(table, kinds, anonymous_id)
    return [*steps, *_personal_steps(columns), *_told_steps(), *_decision_steps()]


def _needles(warehouse: Warehouse, person: Person) -> None:
    """Hashes, ids and record keys of the person, and the clear values, each in a temporary table."""
    warehouse.execute("create temp table erased_customers (customer_id text) on commit drop")
    warehouse.execute("create temp table erased_hashes (value text) on commit drop")
    warehouse.execute(
        "insert into erased_customers select unnest(%(ids)s)", {"ids": [*person.customers, *person.aliases]}
    )
    warehouse.execute(
        "insert into erased_hashes select value_hash from erased_values union select node_hash from erased_values"
        " union select record_key from erased_records"
    )
    warehouse.execute(
        "create temp table erased_clear on commit drop as select v.value from pii.identifier_values as v"
        " join erased_values using (identifier_type, value_hash)"
    )
    warehouse.execute(
        sql.SQL(
            "create temp table erased_signatures on commit drop as"
            " select t.signature from intermediate.int_identity__signatures as t where {}"
        ).format(_any_of(list(IDENTIFIER_TYPES), "erased_hashes", "value"))
    )


def _columns(warehouse: Warehouse) -> dict[str, dict[str, str]]:
    """Table -> column -> type, of the tables of ``BUILT`` and of schema pii."""
    rows = warehouse.rows(
        """
        select c.table_schema || '.' || c.table_name as table_name, c.column_name, c.data_type
        from information_schema.columns as c
        join information_schema.tables as t using (table_schema, table_name)
        where t.table_type = 'BASE TABLE' and c.table_schema = any(%(schemas)s)
        order by 1, c.ordinal_position
        """,
        {"schemas": [*BUILT, "pii"]},
    )
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        found.setdefault(row["table_name"], {})[row["column_name"]] = row["data_type"]
    return found


def _steps_of(table: str, columns: dict[str, str], anonymous_id: str) -> list[Step]:
    texts = [name for name, kind in columns.items() if kind in ("text", "character varying")]
    customers = [name for name in texts if _CUSTOMER.match(name)]
    if table in KEPT_AS_NOBODYS:
        return [
            Step(
                table,
                ANONYMISED,
                _any_of([name], "erased_customers", "customer_id"),
                sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(anonymous_id)),
            )
            for name in customers
        ]
    if table in JUDGED_BY_VALUE:
        return []
    conditions = []
    if customers:
        conditions.append(_any_of(customers, "erased_customers", "customer_id"))
    if hashes := [name for name in texts if _HASH.match(name)]:
        conditions.append(_any_of(hashes, "erased_hashes", "value"))
    keys = [name for name, kind in columns.items() if kind == "uuid" and _ROW_KEY.match(name)]
    if keys and table not in COUNTED_BACK:
        conditions.append(_any_of(keys, "erased_keys", "row_key"))
    if "signature" in columns:
        conditions.append(_any_of(["signature"], "erased_signatures", "signature"))
    return [Step(table, DELETED, sql.SQL(" or ").join(conditions))] if conditions else []


def _raw_steps() -> list[Step]:
    """Rows of the feeds that go; facts are moved apart (see millibar.privacy.rows)."""
    return [
        Step(f"raw.{feed}", DELETED, sql.SQL("t._row_key in (select row_key from erased_rows where feed = {})").format(
            sql.Literal(feed)
        ))
        for feed in FEEDS
        if FEEDS[feed].identifiers or feed == "identity_links"
    ]  # fmt: skip


def _personal_steps(columns: dict[str, dict[str, str]]) -> list[Step]:
    """Refused rows that name the person keep their place in the count; frequencies of values only the person had go."""
    fields = sql.SQL("regexp_split_to_array(concat_ws(';', t.raw_line, t.value), '\\s*[,;\\t|\"]\\s*')")
    refused = sql.SQL(
        "{fields} && (select array_agg(value) from erased_clear)"
        " or exists (select from erased_clear as c where length(c.value) >= {long_enough}"
        " and (strpos(t.raw_line, c.value) > 0 or strpos(t.value, c.value) > 0))"
        " or {fields} && (select array_agg(substr(r.record_key, length(t.source) + 2)) from erased_records as r"
        " where split_part(r.record_key, ':', 1) = t.source)"
    ).format(fields=fields, long_enough=sql.Literal(LONG_ENOUGH))
    blank = sql.SQL("column_name = null, value = null, raw_line = null, reason = 'erased person'")
    steps = [Step("pii.rejected_rows", ANONYMISED, refused, blank)]
    features = columns.get("pii.identity_features", {})
    shown = [name for name, kind in features.items() if kind == "text" and name not in ("record_key", "source")]
    if shown and "pii.identity_frequencies" in columns:
        values = sql.SQL(", ").join(sql.SQL("({}, f.{})").format(sql.Literal(n), sql.Identifier(n)) for n in shown)
        steps.append(Step("pii.identity_frequencies", DELETED, sql.SQL(
            "(t.column_name, t.value) in (select i.name, i.value from pii.identity_features as f"
            " cross join lateral (values {values}) as i (name, value)"
            " group by 1, 2 having bool_and(f.record_key in (select record_key from erased_records)))"
        ).format(values=values)))  # fmt: skip
    return steps


def _told_steps() -> list[Step]:
    """Messages and samples of gates that quote an id or a hash of the person."""
    quoted = sql.SQL(
        "exists (select from (select value from erased_hashes union all select customer_id from erased_customers) as n"
        " where strpos(t.{0}, n.value) > 0"
        " and t.{0} ~ ('(^|\\W)' || regexp_replace(n.value, '(\\W)', '\\\\\\1', 'g') || '(\\W|$)'))"
    )
    return [
        Step(
            table,
            ANONYMISED,
            quoted.format(sql.Identifier(name)),
            sql.SQL("{} = '(erased)'").format(sql.Identifier(name)),
        )
        for table, names in _TOLD.items()
        for name in names
    ]


def _decision_steps() -> list[Step]:
    return [Step("ops.identity_decisions", DELETED, _any_of(["left_record", "right_record"], "erased_hashes", "value"))]


def _any_of(names: list[str], table: str, column: str) -> sql.Composable:
    parts = [
        sql.SQL("t.{} in (select {} from {})").format(
            sql.Identifier(name), sql.Identifier(column), sql.Identifier(table)
        )
        for name in names
    ]
    return sql.SQL(" or ").join(parts)
