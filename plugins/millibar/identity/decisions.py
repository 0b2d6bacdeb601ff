"""An analyst's word on two records: kept, checked for contradictions, taken back; and the pairs that wait for one."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extras import execute_values

from millibar.identity.rules import CANNOT_LINK, MUST_LINK
from millibar.privacy.masking import masked
from millibar.warehouse.connect import Warehouse

WORDS = {"same": MUST_LINK, "different": CANNOT_LINK, MUST_LINK: MUST_LINK, CANNOT_LINK: CANNOT_LINK}
FILE_COLUMNS = ("left_record", "right_record", "decision", "decided_by", "note")
LONGEST_TEXT = 2000
SHOWN_FIELDS = (
    "given_name", "family_name", "birth_date", "email", "phone", "loyalty_id", "crm_id",
    "house_number", "street", "postal_code", "city", "country",
)  # fmt: skip

Pair = tuple[str, str]


class DecisionError(ValueError):
    """A decision cannot be taken; the message says which, why and the mend."""


@dataclass(frozen=True)
class Decision:
    """Whether two CRM records (``source:record_id``, left before right) are one person; ``where``: file and line."""

    left: str
    right: str
    decision: str
    decided_by: str
    note: str | None = None
    where: str = ""

    @property
    def pair(self) -> Pair:
        return self.left, self.right


def decision_of(one: str, other: str, word: str, decided_by: str, note: str | None = None, where: str = "") -> Decision:
    """A checked decision; ``word`` is same or different. Raises :class:`DecisionError`."""
    told = f"{where}: " if where else ""
    for record in (one, other):
        source, mark, record_id = record.partition(":")
        if not (source and mark and record_id) or "\0" in record:
            raise DecisionError(f"{told}{record[:80]!r} is no record; write source:record_id, such as crm_shop:C00012")
    if one == other:
        raise DecisionError(f"{told}{one!r} is given twice; a decision is on two records")
    if word not in WORDS:
        raise DecisionError(f"{told}decision {word[:40]!r} is not known; write same or different")
    if not decided_by.strip():
        raise DecisionError(f"{told}who decided? give a name (--by, or column decided_by)")
    if "\0" in decided_by + (note or "") or len(note or "") > LONGEST_TEXT or len(decided_by) > LONGEST_TEXT:
        raise DecisionError(f"{told}name or note holds a NUL or is longer than {LONGEST_TEXT} characters")
    left, right = sorted((one, other))
    return Decision(left, right, WORDS[word], decided_by.strip(), note or None, where)


def read_decisions(path: Path, decided_by: str = "") -> list[Decision]:
    """Decisions of a CSV file with a header of ``FILE_COLUMNS``; ``decided_by`` where its column is empty.

    Raises :class:`DecisionError` with every fault and its line, and ``OSError`` where the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise DecisionError(f"{path}: is not UTF-8 (byte {fault.start}); save it as UTF-8") from fault
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval=None)
    if missing := [name for name in FILE_COLUMNS[:3] if name not in (rows.fieldnames or ())]:
        raise DecisionError(f"{path} line 1: no column {', '.join(missing)}; expected {', '.join(FILE_COLUMNS)}")
    found: dict[Pair, Decision] = {}
    faults: list[str] = []
    try:
        for row in rows:
            faults += _add_row(found, row, decided_by, f"{path} line {rows.line_num}")
    except csv.Error as fault:
        faults.append(f"{path} line {rows.line_num}: {fault}")
    if faults:
        raise DecisionError("\n".join(faults))
    return list(found.values())


def decide(warehouse: Warehouse, decisions: Sequence[Decision]) -> int:
    """Keep decisions, each in place of an earlier one on its pair; all or none. Returns how many are new or changed.

    The next identity run applies them. Raises :class:`DecisionError` where a record is not there, or where the
    decisions would contradict each other (a is b, b is c, a is not c), with the chain.
    """
    with warehouse.transaction():
        warehouse.execute("lock table ops.identity_decisions in share row exclusive mode")
        _require_records(warehouse, decisions)
        present = {decision.pair: decision for decision in _kept(warehouse)}
        fresh = [d for d in decisions if d.pair not in present or present[d.pair].decision != d.decision]
        _require_consistent((present | {decision.pair: decision for decision in decisions}).values())
        with warehouse.connection.cursor() as cursor:
            execute_values(
                cursor,
                "insert into ops.identity_decisions (left_record, right_record, decision, decided_by, note) values %s"
                " on conflict (left_record, right_record) do update set decision = excluded.decision,"
                " decided_by = excluded.decided_by, note = excluded.note, decided_at = clock_timestamp()",
                [(d.left, d.right, d.decision, d.decided_by, d.note) for d in fresh],
            )
        _touch(warehouse, [decision.pair for decision in fresh])
    return len(fresh)


def undecide(warehouse: Warehouse, one: str, other: str) -> bool:
    """Take the decision on two records back; false where there is none."""
    left, right = sorted((one, other))
    with warehouse.transaction():
        gone = warehouse.execute(
            "delete from ops.identity_decisions where left_record = %(left)s and right_record = %(right)s",
            {"left": left, "right": right},
        )
        if gone:
            _touch(warehouse, [(left, right)])
    return gone > 0


def kept_decisions(warehouse: Warehouse) -> list[dict[str, Any]]:
    """All decisions, the newest first."""
    return warehouse.rows(
        "select left_record, right_record, decision, decided_by, decided_at, note from ops.identity_decisions"
        " order by decided_at desc, left_record, right_record"
    )


def waiting_pairs(warehouse: Warehouse, limit: int) -> list[dict[str, Any]]:
    """Pairs near the threshold without a decision, the least certain first.

    left_record, right_record, left_customer_id, right_customer_id, probability, reason, and ``fields``: name of the
    field -> (left, right), masked; of equal values one, of a field neither has none.
    """
    rows = warehouse.rows(
        """
        select r.left_record, r.right_record, r.left_customer_id, r.right_customer_id, r.probability, r.reason,
            to_jsonb(a) as left_features, to_jsonb(b) as right_features
        from scores.identity_review as r
        left join pii.identity_features as a on a.record_key = r.left_record
        left join pii.identity_features as b on b.record_key = r.right_record
        where not exists (
            select from ops.identity_decisions as d
            where d.left_record = least(r.left_record collate "C", r.right_record collate "C")
                and d.right_record = greatest(r.left_record collate "C", r.right_record collate "C")
        )
        order by abs(r.probability - 0.5), r.left_record, r.right_record limit %(limit)s
        """,
        {"limit": limit},
    )
    for row in rows:
        left, right = row.pop("left_features") or {}, row.pop("right_features") or {}
        row["fields"] = {
            name: tuple(dict.fromkeys((masked(left.get(name)), masked(right.get(name)))))
            if left.get(name) == right.get(name)
            else (masked(left.get(name)), masked(right.get(name)))
            for name in SHOWN_FIELDS
            if left.get(name) or right.get(name)
        }
    return rows


def _add_row(found: dict[Pair, Decision], row: dict[str, Any], decided_by: str, where: str) -> list[str]:
    """The row's faults, of which there is none where its decision was added."""
    try:
        decision = _of_row(row, decided_by, where)
    except DecisionError as fault:
        return [str(fault)]
    earlier = found.setdefault(decision.pair, decision)
    if earlier.decision != decision.decision:
        return [f"{where}: line {earlier.where.rpartition(' ')[2]} says the opposite of the same two records"]
    return []


def _of_row(row: dict[str, Any], decided_by: str, where: str) -> Decision:
    if row.get(""):
        raise DecisionError(f"{where}: more fields than the header has columns; quote values that hold a comma")
    values = {name: (row.get(name) or "").strip() for name in FILE_COLUMNS}
    return decision_of(
        values["left_record"], values["right_record"], values["decision"],
        values["decided_by"] or decided_by, values["note"], where,
    )  # fmt: skip


def _kept(warehouse: Warehouse) -> list[Decision]:
    rows = warehouse.rows("select left_record, right_record, decision, decided_by, note from ops.identity_decisions")
    return [
        Decision(row["left_record"], row["right_record"], row["decision"], row["decided_by"], row["note"])
        for row in rows
    ]


def _require_records(warehouse: Warehouse, decisions: Sequence[Decision]) -> None:
    wanted = {record for decision in decisions for record in decision.pair}
    rows = warehouse.rows(
        "select _source || ':' || record_id as record from raw.customers"
        " where _source || ':' || record_id = any(%(wanted)s)",
        {"wanted": list(wanted)},
    )
    lost = wanted - {row["record"] for row in rows}
    faults = [
        f"{decision.where + ': ' if decision.where else ''}no CRM record {record!r}; a record is source:record_id as "
        "in raw.customers"
        for decision in decisions
        for record in decision.pair
        if record in lost
    ]
    if faults:
        raise DecisionError("\n".join(faults))


def _require_consistent(decisions: Iterable[Decision]) -> None:
    """Raises where records that are the same by a chain of decisions are told to be different."""
    decisions = list(decisions)
    same: dict[str, list[Decision]] = {}
    for decision in decisions:
        if decision.decision == MUST_LINK:
            for record in decision.pair:
                same.setdefault(record, []).append(decision)
    faults = []
    for decision in decisions:
        if decision.decision == CANNOT_LINK and (chain := _chain(same, decision.left, decision.right)):
            told = ", ".join(f"{link.left} same {link.right} ({_origin(link)})" for link in chain)
            faults.append(
                f"{told}; so {decision.left} and {decision.right} are one person, and "
                f"{decision.left} different {decision.right} ({_origin(decision)}) contradicts it: take one back with "
                "`millibar identity undecide`"
            )
    if faults:
        raise DecisionError("\n".join(faults))


def _origin(decision: Decision) -> str:
    return decision.where or f"by {decision.decided_by}"


def _chain(same: dict[str, list[Decision]], start: str, end: str) -> list[Decision]:
    """The shortest chain of decisions that makes two records one; empty where there is none."""
    came_by: dict[str, tuple[str, Decision] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        record = waiting.popleft()
        if record == end:
            break
        for link in same.get(record, []):
            following = link.right if link.left == record else link.left
            if following not in came_by:
                came_by[following] = (record, link)
                waiting.append(following)
    chain: list[Decision] = []
    step = came_by.get(end)
    while step:
        chain.append(step[1])
        step = came_by[step[0]]
    return chain[::-1]


def _touch(warehouse: Warehouse, pairs: Sequence[Pair]) -> None:
    """The next identity run clusters these records again."""
    with warehouse.connection.cursor() as cursor:
        execute_values(
            cursor,
            "insert into scores.identity_touched (node_type, node_hash, because) values %s",
            [("record", record, "decision") for pair in pairs for record in pair],
        )
