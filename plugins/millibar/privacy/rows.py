"""The person's rows in raw: which go, which stay as facts of nobody, in batches of their own."""

from __future__ import annotations

from psycopg2 import sql

from millibar.privacy.person import CARRIED, Person
from millibar.privacy.tombstones import ERASURE_FILE, FACT_FEEDS
from millibar.sources.contracts import FEEDS, IDENTIFIER_TYPES
from millibar.warehouse.connect import Warehouse

CARRYING_FEEDS = tuple(name for name, feed in FEEDS.items() if feed.identifiers and name != "customers")
MOVED = "facts of erased persons, taken out of the batches that brought them"

_TABLES = (
    "create temp table erased_rows (feed text, row_key uuid, batch_id bigint) on commit drop",
    "create temp table erased_facts (feed text, row_key uuid, batch_id bigint, source text, is_whole boolean)"
    " on commit drop",
    "insert into erased_rows select 'customers', _row_key, _batch_id from raw.customers"
    " where _source || ':' || record_id in (select record_key from erased_records)",
    "insert into erased_rows select 'identity_links', _row_key, _batch_id from raw.identity_links"
    " where (left_type, left_value) in (select identifier_type, value_hash from erased_values)"
    " or (right_type, right_value) in (select identifier_type, value_hash from erased_values)",
)
_OF_PERSON = """
    create temp table rows_of_person on commit drop as
    select r._row_key as row_key from intermediate.int_identity__row_signatures as r
    join intermediate.int_identity__signature_customers as c on c.signature = r.signature {in_time}
    where c.customer_id = any(%(customers)s)
"""
_OF_OTHERS = """
    create temp table rows_of_others on commit drop as
    select r._row_key as row_key from intermediate.int_identity__row_signatures as r
    join intermediate.int_identity__signature_customers as c on c.signature = r.signature {in_time}
    where not c.customer_id = any(%(customers)s) and r.signature in (
        select r.signature from intermediate.int_identity__signatures as r {carried}
            and (i.identifier_type, i.value_hash) in (select identifier_type, value_hash from erased_values)
    )
"""
_IN_TIME = "and r.seen_at >= coalesce(c.valid_from, '-infinity') and r.seen_at < coalesce(c.valid_to, 'infinity')"
# Whole: the person's, or of nobody once the person's values are taken out. Else only these values go.
_CARRYING = """
    insert into erased_facts
    select {feed}, r._row_key, r._batch_id, r._source,
        r._row_key not in (select row_key from rows_of_others) or coalesce({remaining}) is null
    from {table} as r
    where r._row_key in (select row_key from rows_of_person) or {carries}
"""


def find_rows(warehouse: Warehouse, person: Person) -> None:
    """Temporary tables of the person's rows in raw.

    ``erased_rows`` (feed, row_key, batch_id): rows that go. ``erased_facts`` (feed, row_key, batch_id, source,
    is_whole): rows that stay without the person's identifiers, or where not ``is_whole`` without some of them.
    ``erased_keys`` (row_key): rows of which nothing personal stays.
    """
    has_periods = warehouse.value(
        "select count(*) = 2 from information_schema.columns where table_schema = 'intermediate'"
        " and table_name = 'int_identity__signature_customers' and column_name in ('valid_from', 'valid_to')"
    )
    in_time = sql.SQL(_IN_TIME if has_periods else "")
    for statement in _TABLES:
        warehouse.execute(statement)
    for statement in (_OF_PERSON, _OF_OTHERS):
        warehouse.execute(
            sql.SQL(statement).format(in_time=in_time, carried=CARRIED), {"customers": list(person.customers)}
        )
    for feed in CARRYING_FEEDS:
        warehouse.execute(
            sql.SQL(_CARRYING).format(
                feed=sql.Literal(feed),
                table=sql.Identifier("raw", feed),
                remaining=sql.SQL(", ").join(_remaining(kind) for kind in IDENTIFIER_TYPES),
                carries=sql.SQL(" or ").join(_is_erased(kind) for kind in IDENTIFIER_TYPES),
            )
        )
    for statement in (
        "insert into erased_rows select feed, row_key, batch_id from erased_facts"
        " where is_whole and not feed = any(%(facts)s)",
        "create temp table erased_keys on commit drop as select row_key from erased_rows"
        " union select row_key from erased_facts where is_whole",
        "delete from erased_facts where is_whole and not feed = any(%(facts)s)",
        "create unique index on erased_keys (row_key)",
        "create index on erased_facts (row_key)",
        "analyze erased_keys",
        "analyze erased_facts",
    ):
        warehouse.execute(statement, {"facts": list(FACT_FEEDS)})


def count_facts(warehouse: Warehouse) -> dict[str, int]:
    """Rows of raw that stay, by table."""
    rows = warehouse.rows("select feed, count(*) as rows from erased_facts group by 1 order by 1")
    return {f"raw.{row['feed']}": row["rows"] for row in rows}


def move_facts(warehouse: Warehouse, key: str) -> None:
    """Take the person's identifiers out of the facts and put these under ``key``.

    They go to load batches of their own, one a source and day of delivery, so that every model takes them in again,
    and a backfill of a past day sees as much as it did. The counts of batches move with the rows.
    """
    warehouse.execute("create temp table moved_to (batch_id bigint, source text, feed text, day date) on commit drop")
    warehouse.execute(
        """
        with made as (
            insert into ops.load_batches (source, feed, file, delivered_on, status, rows_read, rows_loaded,
                started_at, finished_at, message)
            select f.source, f.feed, %(file)s, b.delivered_on, 'loaded', count(*), count(*),
                b.delivered_on, b.delivered_on, %(message)s
            from erased_facts as f join ops.load_batches as b using (batch_id)
            group by f.source, f.feed, b.delivered_on
            returning batch_id, source, feed, delivered_on
        )
        insert into moved_to select batch_id, source, feed, delivered_on from made
        """,
        {"file": ERASURE_FILE, "message": MOVED},
    )
    warehouse.execute(
        """
        update ops.load_batches as b
        set rows_read = b.rows_read - least(f.rows, b.rows_loaded),
            rows_loaded = b.rows_loaded - least(f.rows, b.rows_loaded)
        from (select batch_id, count(*) as rows from erased_facts group by 1) as f
        where b.batch_id = f.batch_id
        """
    )
    for feed in CARRYING_FEEDS:
        changes = [_anonymous(kind, key) for kind in IDENTIFIER_TYPES]
        warehouse.execute(
            sql.SQL("""
                update {table} as r
                set {changes}, _row_hash = md5(gen_random_uuid()::text), _batch_id = m.batch_id
                from erased_facts as f
                join ops.load_batches as b on b.batch_id = f.batch_id
                join moved_to as m on m.source = f.source and m.feed = f.feed and m.day = b.delivered_on
                where r._row_key = f.row_key and f.feed = {feed}
            """).format(table=sql.Identifier("raw", feed), feed=sql.Literal(feed), changes=sql.SQL(", ").join(changes))
        )


def _anonymous(kind: str, key: str) -> sql.Composable:
    rest = sql.Literal(key if kind == "crm_id" else None)
    return sql.SQL("{} = case when f.is_whole then {} else {} end").format(sql.Identifier(kind), rest, _remaining(kind))


def _remaining(kind: str) -> sql.Composable:
    return sql.SQL("case when {} then null else r.{} end").format(_is_erased(kind), sql.Identifier(kind))


def _is_erased(kind: str) -> sql.Composable:
    return sql.SQL("coalesce(r.{} in (select value_hash from erased_values where identifier_type = {}), false)").format(
        sql.Identifier(kind), sql.Literal(kind)
    )
