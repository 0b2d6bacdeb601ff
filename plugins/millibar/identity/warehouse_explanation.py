"""`millibar explain` on the warehouse: the stored features, model, edges, refusals and decisions of two CRM records."""

from __future__ import annotations

from typing import Any

import pandas as pd

from millibar.identity.matching import FEATURE_COLUMNS, Explanation, MatchModel, explain
from millibar.identity.matching.model import FREQUENCY_COLUMNS, no_hot_blocks
from millibar.identity.normalise import mailbox_name
from millibar.identity.rules import RECORD
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

MOST_RECORDS = 5_000  # of the two customers together; a path is looked for among these

_MEMBERS = """
    select f.record_key, c.customer_id, {columns}
    from scores.identity_clusters as c
    inner join pii.identity_features as f on f.record_key = c.node_hash
    where c.node_type = %(record)s
        and c.customer_id in (
            select customer_id from scores.identity_clusters
            where node_type = %(record)s and node_hash in (%(a)s, %(b)s)
        )
    order by (f.record_key in (%(a)s, %(b)s)) desc, f.record_key limit %(most)s
"""
_EDGES = """
    select left_node, right_node, max(score) as probability from scores.identity_edges
    where left_type = %(record)s and right_type = %(record)s and status <> 'ended'
        and left_node = any(%(keys)s) and right_node = any(%(keys)s)
    group by left_node, right_node
"""
_REFUSALS = """
    select left_record, right_record, probability, reason from scores.identity_refusals
    where left_record = any(%(keys)s) and right_record = any(%(keys)s)
"""
_DECISIONS = """
    select left_record, right_record, decision from ops.identity_decisions
    where left_record = any(%(keys)s) and right_record = any(%(keys)s)
"""
_MODEL = "select model_version, model::text as model from scores.identity_models order by trained_at desc limit 1"
_FREQUENCIES = """
    select column_name, value, frequency from pii.identity_frequencies
    where model_version = %(version)s and value = any(%(values)s)
"""


class UnknownRecordError(KeyError):
    """The warehouse knows no such CRM record."""

    def __str__(self) -> str:
        return str(self.args[0])


def explain_from_warehouse(warehouse: Warehouse, settings: Settings, record_a: str, record_b: str) -> Explanation:
    """Explain two CRM records, each named ``source:record_id``, as the last identity run left them.

    Reads schema pii, so the connection must be the pipeline's. Raises :class:`UnknownRecordError` for a record identity
    has not seen, ``ValueError`` where no model has been stored yet.
    """
    del settings  # names the warehouse; everything else is stored there
    names = {"record": RECORD, "a": record_a, "b": record_b, "most": MOST_RECORDS}
    columns = ", ".join(f"f.{column}" for column in FEATURE_COLUMNS)
    members = pd.DataFrame(warehouse.rows(_MEMBERS.format(columns=columns), names))
    for record in (record_a, record_b):
        if members.empty or record not in set(members["record_key"]):
            raise UnknownRecordError(
                f"the warehouse has no CRM record {record!r}: write source:record_id as crm_shop:C00012, "
                "and see that an identity run has finished since it was delivered"
            )
    features = members.rename(columns={"record_key": "record_id"})
    keys = features["record_id"].tolist()
    places = {key: place for place, key in enumerate(keys)}
    edges = _placed(warehouse.rows(_EDGES, {"record": RECORD, "keys": keys}), ("left_node", "right_node"), places)
    ends = ("left_record", "right_record")
    refusals = _placed(warehouse.rows(_REFUSALS, {"keys": keys}), ends, places, ("probability", "reason"))
    decisions = _placed(warehouse.rows(_DECISIONS, {"keys": keys}), ends, places, ("decision",))
    pair = features[features["record_id"].isin((record_a, record_b))]
    model = _model(warehouse, pair)
    return explain(features, model, record_a, record_b, features["customer_id"], edges, refusals, decisions)


def _placed(
    rows: list[dict[str, Any]],
    ends: tuple[str, str],
    places: dict[str, int],
    values: tuple[str, ...] = ("probability",),
) -> pd.DataFrame:
    """left, right (positions, left < right) and the values of stored pairs."""
    found = [(*sorted((places[row[ends[0]]], places[row[ends[1]]])), *(row[value] for value in values)) for row in rows]
    return pd.DataFrame(found, columns=["left", "right", *values])


def _model(warehouse: Warehouse, pair: pd.DataFrame) -> MatchModel:
    """The newest model, with the frequencies of the values these records hold."""
    stored = warehouse.rows(_MODEL)
    if not stored:
        raise ValueError("no model of identity is stored yet: run the pipeline once (`millibar run`)")
    values = {str(value) for column in FEATURE_COLUMNS for value in pair[column].dropna()}
    values |= {mailbox_name(value) for value in values if "@" in value}
    told = warehouse.rows(_FREQUENCIES, {"version": stored[0]["model_version"], "values": sorted(values)})
    frequencies = pd.DataFrame(told, columns=FREQUENCY_COLUMNS).astype({"frequency": float})
    return MatchModel.from_json(stored[0]["model"], frequencies, no_hot_blocks())
