"""Who a person is in the warehouse: the records, the values only this person has, those shared with others."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql

from millibar.privacy.tombstones import KEY_PREFIX, deciding_types
from millibar.settings import Settings
from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse

CUSTOMER = "customer"  # type of the tombstone of a customer id


class UnknownCustomer(ValueError):
    """No customer has that id, and none ever had it."""


class NotAPerson(ValueError):
    """The customer stands for what several persons share."""


class NotResolved(RuntimeError):
    """Records of the person may be among those no run has resolved yet."""


class AlreadyErased(ValueError):
    """The customer was erased before."""


@dataclass(frozen=True)
class Person:
    """Ids of a person. ``customers``: the living id, and those of values that name nobody but are only theirs."""

    customer_id: str
    customers: tuple[str, ...]
    aliases: tuple[str, ...]
    records: tuple[str, ...]


_VALUES = sql.SQL(", ").join(
    sql.SQL("({}, r.{})").format(sql.Literal(kind), sql.Identifier(kind)) for kind in IDENTIFIER_TYPES
)
# row -> one row an identifier it carries
CARRIED = sql.SQL(
    "cross join lateral (values {}) as i (identifier_type, value_hash) where i.value_hash is not null"
).format(_VALUES)

# What the person's clusters, records and rows hold, in every spelling known of it.
_CANDIDATES = """
    create temp table erased_values on commit drop as
    with held as (
        select identifier_type, value_hash from scores.identity_nodes as n
        where exists (
            select from scores.identity_clusters as c
            where c.node_type = n.identifier_type and c.node_hash = n.node_hash and c.customer_id = %(customer)s
        )
    ),
    seen as (
        select i.identifier_type, i.value_hash from raw.customers as r {carried}
            and r._source || ':' || r.record_id in (select record_key from erased_records)
        union
        select i.identifier_type, i.value_hash from intermediate.int_identity__signatures as r {carried}
            and r.signature in (
                select signature from intermediate.int_identity__signature_customers where customer_id = %(customer)s
            )
    ),
    of_person as (
        select identifier_type, value_hash, true as is_held from held
        union all
        select identifier_type, value_hash, false from seen
        where (identifier_type, value_hash) not in (select identifier_type, value_hash from held)
    ),
    nodes as (
        select o.identifier_type, coalesce(n.node_hash, o.value_hash) as node_hash, bool_or(o.is_held) as is_held
        from of_person as o
        left join scores.identity_nodes as n using (identifier_type, value_hash)
        group by 1, 2
    )
    select nodes.identifier_type, coalesce(n.value_hash, nodes.node_hash) as value_hash, nodes.node_hash,
        nodes.is_held, coalesce(n.is_usable, false) as is_usable, n.reason
    from nodes
    left join scores.identity_nodes as n
        on n.identifier_type = nodes.identifier_type and n.node_hash = nodes.node_hash
"""

_UNRESOLVED = """
    select count(distinct r._row_key) from raw.customers as r {carried}
        and (i.identifier_type, i.value_hash) in (select identifier_type, value_hash from erased_values where is_held)
        and not exists (
            select from scores.identity_clusters as c
            where c.node_type = 'record' and c.node_hash = r._source || ':' || r.record_id
        )
"""

# Carried by a record of somebody else, or somebody else's at another time.
_SHARED = """
    create temp table shared_nodes on commit drop as
    select distinct v.identifier_type, v.node_hash
    from (select i.identifier_type, i.value_hash from raw.customers as r {carried}
        and r._source || ':' || r.record_id not in (select record_key from erased_records)) as others
    join erased_values as v using (identifier_type, value_hash)
    union
    select v.identifier_type, v.node_hash
    from erased_values as v
    join scores.identity_periods as p on p.node_type = v.identifier_type and p.node_hash = v.node_hash
    where p.customer_id <> %(customer)s
"""

# A value the person's cluster does not hold (an ambiguous or unusable one) is theirs alone only where everything it
# was seen with, beside their own rows, is theirs too. Taking one away may take others away.
_SHARED_BY_COMPANY = """
    insert into shared_nodes
    select distinct v.identifier_type, v.node_hash
    from erased_values as v
    join company as c using (identifier_type, value_hash)
    where not v.is_held
        and (v.identifier_type, v.node_hash) not in (select identifier_type, node_hash from shared_nodes)
        and exists (
            select from company as other
            left join erased_values as o using (identifier_type, value_hash)
            left join shared_nodes as s on s.identifier_type = o.identifier_type and s.node_hash = o.node_hash
            where other.together = c.together and (o.value_hash is null or (s.node_hash is not null and not o.is_held))
                and (other.identifier_type, other.value_hash) <> (v.identifier_type, v.value_hash)
        )
"""
_OWN = """
    create temp table own_signatures on commit drop as
    select signature from intermediate.int_identity__signature_customers
    group by signature having bool_and(customer_id = %(customer)s)
    union
    select s.signature from intermediate.int_identity__row_signatures as s
    join raw.customers as r on r._row_key = s._row_key
    where r._source || ':' || r.record_id in (select record_key from erased_records)
"""
_COMPANY = """
    create temp table company on commit drop as
    with seen as (
        select r.signature::text as together, i.identifier_type, i.value_hash
        from intermediate.int_identity__signatures as r {carried} and r.records > 0
            and r.signature not in (select signature from own_signatures)
    ),
    linked as (
        select _row_key::text as together, left_type, left_value, right_type, right_value from raw.identity_links
    ),
    all_company as (
        select * from seen
        union all
        select together, left_type, left_value from linked
        union all
        select together, right_type, right_value from linked
    )
    select * from all_company where together in (
        select a.together from all_company as a join erased_values as v using (identifier_type, value_hash)
        where not v.is_held
    )
"""


def find_person(warehouse: Warehouse, settings: Settings, customer_id: str) -> Person:
    """The person of a customer id, or of an id retired by a merge; leaves temporary tables until the transaction ends.

    ``erased_records`` (record_key), ``erased_values`` (identifier_type, value_hash, node_hash, decides): what goes.
    ``kept_values`` (identifier_type, value_hash): what the person shares with others. Raises
    :class:`UnknownCustomer`, :class:`NotAPerson`, :class:`NotResolved` or :class:`AlreadyErased`.
    """
    living = _living_id(warehouse, settings, customer_id)
    aliases = _aliases(warehouse, living)
    parameters = {"customer": living, "deciding": list(deciding_types())}
    for statement in (
        "create temp table erased_records on commit drop as select node_hash as record_key"
        " from scores.identity_clusters where customer_id = %(customer)s and node_type = 'record'",
        "create unique index on erased_records (record_key)",
        _CANDIDATES,
        "create index on erased_values (identifier_type, value_hash)",
        "analyze erased_values",
        _SHARED,
        _OWN,
        _COMPANY,
        "create index on company (together)",
        "analyze company",
    ):
        warehouse.execute(sql.SQL(statement).format(carried=CARRIED), parameters)
    if unresolved := warehouse.value(sql.SQL(_UNRESOLVED).format(carried=CARRIED)):
        raise NotResolved(
            f"{unresolved} CRM records carry identifiers of this customer and were loaded after the last run resolved "
            "who is who: run the day to its end first (`millibar run --as-of DATE`), then erase"
        )
    while warehouse.execute(_SHARED_BY_COMPANY):
        pass
    for statement in (
        "create temp table kept_values on commit drop as select v.identifier_type, v.value_hash, v.is_held"
        " from erased_values as v join shared_nodes using (identifier_type, node_hash)",
        "delete from erased_values as v using shared_nodes as s"
        " where s.identifier_type = v.identifier_type and s.node_hash = v.node_hash",
        "alter table erased_values add column decides boolean",
        "update erased_values set decides = is_held and is_usable and reason is null"
        " and identifier_type = any(%(deciding)s)",
    ):
        warehouse.execute(statement, parameters)
    records = [row["record_key"] for row in warehouse.rows("select record_key from erased_records order by 1")]
    if not records and not warehouse.value("select exists (select from erased_values where is_held)"):
        raise NotAPerson(
            f"customer {living} stands for what several customers share (a household's mail, a call center's phone): "
            "it is nobody to erase; marts.dim_customer_identifier says what it holds"
        )
    return Person(living, (living, *_of_their_values(warehouse, living)), aliases, tuple(records))


def customer_hash(key: bytes, customer_id: str) -> str:
    """What stands for an erased customer's id."""
    return hash_value(key, CUSTOMER, customer_id)


def _living_id(warehouse: Warehouse, settings: Settings, customer_id: str) -> str:
    """The id itself, or where it was merged into another one, that one."""
    wanted, passed = customer_id.strip(), set[str]()
    while wanted not in passed:
        passed.add(wanted)
        if warehouse.value(
            "select exists (select from scores.identity_clusters where customer_id = %(id)s)", {"id": wanted}
        ):
            return _not_erased(warehouse, wanted)
        wanted = _merged_into(warehouse, wanted) or wanted
    before = warehouse.rows(
        "select e.erasure_id, e.erased_at from ops.erased_identifiers as t join ops.erasures as e using (erasure_id)"
        " where t.identifier_type = %(type)s and t.value_hash = %(hash)s",
        {"type": CUSTOMER, "hash": customer_hash(settings.hash_key, customer_id.strip())},
    )
    if before:
        raise AlreadyErased(
            f"that customer was erased before (erasure {before[0]['erasure_id']}, {before[0]['erased_at']:%Y-%m-%d}); "
            "nothing is left to erase"
        )
    raise UnknownCustomer(
        f"no customer has the id {customer_id.strip()[:80]!r}, nor had; take it from marts.dim_customer"
    )


def _merged_into(warehouse: Warehouse, retired: str) -> str | None:
    """Where a retired id leads: by the marts' aliases, which follow its records, else by its last merge."""
    if warehouse.value("select to_regclass('marts.customer_alias')") is not None:
        found = warehouse.value(
            "select customer_id from marts.customer_alias where alias_id = %(id)s order by 1 limit 1", {"id": retired}
        )
        if found is not None:
            return str(found)
    merged = warehouse.value(
        "select customer_id from scores.identity_events where event = 'merge' and other_customer_id = %(id)s"
        " order by as_of desc, customer_id limit 1",
        {"id": retired},
    )
    return None if merged is None else str(merged)


def _not_erased(warehouse: Warehouse, customer_id: str) -> str:
    """Refuse the anonymous customer that the facts of an erased person have become."""
    nodes = warehouse.rows(
        "select node_hash from scores.identity_clusters where customer_id = %(id)s limit 2", {"id": customer_id}
    )
    if all(row["node_hash"].startswith(KEY_PREFIX) for row in nodes):
        raise AlreadyErased(f"customer {customer_id} holds facts of an erased person, and no personal data")
    return customer_id


def _aliases(warehouse: Warehouse, living: str) -> tuple[str, ...]:
    """Ids that were merged into it, directly or not, and live no more."""
    rows = warehouse.rows(
        """
        with recursive merged as (
            select other_customer_id from scores.identity_events where event = 'merge' and customer_id = %(id)s
            union
            select e.other_customer_id from scores.identity_events as e
            join merged as m on e.event = 'merge' and e.customer_id = m.other_customer_id
        )
        select other_customer_id as alias from merged
        where other_customer_id <> %(id)s
            and not exists (select from scores.identity_clusters as c where c.customer_id = other_customer_id)
        order by 1
        """,
        {"id": living},
    )
    aliases = {row["alias"] for row in rows}
    if warehouse.value("select to_regclass('marts.customer_alias')") is not None:
        told = warehouse.rows("select alias_id from marts.customer_alias where customer_id = %(id)s", {"id": living})
        aliases |= {row["alias_id"] for row in told}
    return tuple(sorted(aliases))


def _of_their_values(warehouse: Warehouse, living: str) -> list[str]:
    """Customers that are nothing but values of the person that name nobody (a malformed phone)."""
    rows = warehouse.rows(
        """
        select c.customer_id from scores.identity_clusters as c
        where c.customer_id in (
            select own.customer_id from erased_values as v
            join scores.identity_clusters as own on own.node_type = v.identifier_type and own.node_hash = v.node_hash
            where own.customer_id <> %(id)s
        )
        group by c.customer_id
        having bool_and(exists (
            select from erased_values as v where v.identifier_type = c.node_type and v.node_hash = c.node_hash
        ))
        order by 1
        """,
        {"id": living},
    )
    return [row["customer_id"] for row in rows]
