"""Erases a person: everywhere, in one transaction, with a dry run that counts by the same conditions."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass

from psycopg2.extras import execute_values

from millibar.identity.customer_ids import hash_id
from millibar.pipeline.context import require_idle
from millibar.privacy.masking import masked
from millibar.privacy.person import CUSTOMER, Person, customer_hash, find_person
from millibar.privacy.rows import count_facts, find_rows, move_facts
from millibar.privacy.tombstones import RECORD, VALUE_ONLY, new_key, record_hash
from millibar.privacy.traces import ANONYMISED, Step, find_traces
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)


class NotErasable(RuntimeError):
    """The warehouse is in no state to erase from; the message says the mend."""


@dataclass(frozen=True)
class Report:
    """What was, or would be, erased.

    ``rows``: table -> action -> rows. ``kept``: (identifier type, masked value) of what the person shares with
    others. ``tombstones``: hashes that keep the person out from now on. ``erasure_id``: null in a dry run.
    """

    customer_id: str
    records: int
    rows: dict[str, dict[str, int]]
    kept: list[tuple[str, str]]
    tombstones: int
    erasure_id: int | None = None

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def preview(warehouse: Warehouse, settings: Settings, customer_id: str) -> Report:
    """What :func:`erase` would do; writes nothing and may run beside a pipeline run."""
    _require_built(warehouse)
    with warehouse.transaction():
        person, steps = _find(warehouse, settings, customer_id, new_key())
        rows = _tally(count_facts(warehouse))
        for step in steps:
            _add(rows, step, step.count(warehouse))
        return Report(
            person.customer_id, len(person.records), rows, _kept(warehouse), len(_stones(warehouse, settings, person))
        )


def erase(warehouse: Warehouse, settings: Settings, customer_id: str, erased_by: str) -> Report:
    """Erase a customer for good.

    Takes the living id or one retired by a merge. Nothing of the person stays but facts without an owner, so that
    past totals do not change, and keyed hashes that keep the person from coming back. What the person was tied to is
    clustered again by the next run. Raises ``RunInProgress`` while a run is under way, and what
    :func:`millibar.privacy.person.find_person` raises.
    """
    _require_built(warehouse)
    with warehouse.transaction():
        require_idle(warehouse)
        key = new_key()
        person, steps = _find(warehouse, settings, customer_id, key)
        stones = _stones(warehouse, settings, person)
        kept = _kept(warehouse)
        erasure_id = int(
            warehouse.value(
                "insert into ops.erasures (customer_id, erased_by) values (%(id)s, %(by)s) returning erasure_id",
                {"id": customer_hash(settings.hash_key, person.customer_id), "by": erased_by},
            )
        )
        _touch_neighbours(warehouse)
        warehouse.execute(
            "insert into ops.removed_rows (feed, row_key, batch_id) select feed, row_key, batch_id from erased_rows"
        )
        rows = _tally(count_facts(warehouse))
        move_facts(warehouse, key)
        for step in sorted(steps, key=_features_last):
            _add(rows, step, step.take(warehouse))
        _set_stones(warehouse, stones, erasure_id)
        warehouse.execute(
            "update ops.erasures set erased_at = clock_timestamp(), rows_erased = %(rows)s where erasure_id = %(id)s",
            {"rows": json.dumps(rows), "id": erasure_id},
        )
    log.info("erasure %s: %s rows of %s tables", erasure_id, sum(sum(n.values()) for n in rows.values()), len(rows))
    return Report(person.customer_id, len(person.records), rows, kept, len(stones), erasure_id)


def _find(warehouse: Warehouse, settings: Settings, customer_id: str, key: str) -> tuple[Person, list[Step]]:
    person = find_person(warehouse, settings, customer_id)
    find_rows(warehouse, person)
    # the id the identity stage gives the key, so that the next run finds the facts where they are
    return person, find_traces(warehouse, person, hash_id(f"crm_id:{key}"))


def _require_built(warehouse: Warehouse) -> None:
    if warehouse.value("select to_regclass('intermediate.int_identity__signature_customers')") is None:
        raise NotErasable("no run has built customers in this warehouse yet: `millibar run --as-of DATE` first")


def _features_last(step: Step) -> bool:
    """Frequencies are judged by the features that are left and those that go."""
    return step.table == "pii.identity_features"


def _tally(facts: dict[str, int]) -> dict[str, dict[str, int]]:
    return {table: {ANONYMISED: count} for table, count in facts.items()}


def _add(rows: dict[str, dict[str, int]], step: Step, count: int) -> None:
    if count:
        actions = rows.setdefault(step.table, {})
        actions[step.action] = actions.get(step.action, 0) + count


def _kept(warehouse: Warehouse) -> list[tuple[str, str]]:
    rows = warehouse.rows(
        "select distinct k.identifier_type, v.value from kept_values as k"
        " left join pii.identifier_values as v using (identifier_type, value_hash) order by 1, 2"
    )
    return [(row["identifier_type"], masked(row["value"])) for row in rows]


def _stones(warehouse: Warehouse, settings: Settings, person: Person) -> set[tuple[str, str]]:
    """(type, hash) of every tombstone."""
    values = warehouse.rows("select identifier_type, value_hash, node_hash, decides from erased_values")
    stones = {
        (row["identifier_type"] if row["decides"] else VALUE_ONLY + row["identifier_type"], row[form])
        for row in values
        for form in ("value_hash", "node_hash")
    }
    stones |= {(RECORD, record_hash(settings.hash_key, record)) for record in person.records}
    return stones | {
        (CUSTOMER, customer_hash(settings.hash_key, name)) for name in (person.customer_id, *person.aliases)
    }


def _set_stones(warehouse: Warehouse, stones: set[tuple[str, str]], erasure_id: int) -> None:
    with warehouse.connection.cursor() as cursor:
        execute_values(
            cursor,
            "insert into ops.erased_identifiers (identifier_type, value_hash, erasure_id) values %s"
            " on conflict do nothing",
            [(*stone, erasure_id) for stone in sorted(stones)],
        )


def _touch_neighbours(warehouse: Warehouse) -> None:
    """What was tied to the person and stays is clustered again by the next run."""
    warehouse.execute(
        """
        insert into scores.identity_touched (node_type, node_hash, because)
        with erased as (
            select 'record' as node_type, record_key as node_hash from erased_records
            union
            select identifier_type, node_hash from erased_values
        ),
        tied as (
            select e.right_type as node_type, e.right_node as node_hash from scores.identity_edges as e
            join erased on erased.node_type = e.left_type and erased.node_hash = e.left_node
            union
            select e.left_type, e.left_node from scores.identity_edges as e
            join erased on erased.node_type = e.right_type and erased.node_hash = e.right_node
            union
            select k.identifier_type, n.node_hash from kept_values as k
            join scores.identity_nodes as n using (identifier_type, value_hash)
        )
        select node_type, node_hash, 'erasure' from tied
        except
        select node_type, node_hash, 'erasure' from erased
        """
    )
    # a component is called after one of its nodes, which may be one that goes
    warehouse.execute(
        """
        with named as materialized (
            select own.component, 'left:' || gen_random_uuid()::text as label
            from (
                select distinct c.component from scores.identity_clusters as c
                join (
                    select 'record' as node_type, record_key as node_hash from erased_records
                    union
                    select identifier_type, node_hash from erased_values
                ) as erased on erased.node_type = c.node_type and erased.node_hash = c.node_hash
            ) as own
        )
        update scores.identity_clusters as c set component = named.label from named where c.component = named.component
        """
    )
