"""`millibar explain` on the warehouse: from stored features, model, clusters, edges, refusals and decisions."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from millibar.identity.matching import FEATURE_COLUMNS, FEATURES_VERSION, MatchPlan, default_model, prepare
from millibar.identity.rules import IdentityRules
from millibar.identity.warehouse_explanation import UnknownRecordError, explain_from_warehouse
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

RECORDS = pd.DataFrame(
    [
        ("shop:1", "Marie", "Delorme", "1972-04-17", "marie@x.fr"),
        ("web:1", "DELORME", "Marie", "1972-04-17", None),
        ("web:2", "Paul", "Delorme", "1970-09-02", "marie@x.fr"),
    ],
    columns=["record_id", "first_name", "last_name", "birth_date", "email"],
)
CUSTOMERS = {"shop:1": "cA", "web:1": "cA", "web:2": "cB"}


@pytest.fixture
def known(warehouse: Warehouse) -> Warehouse:
    model = default_model()
    warehouse.execute(
        """insert into scores.identity_models
           (model_version, features_version, model, report, hot_blocks, records, as_of, run_id)
           values (%s, %s, %s, '{}', '{}', 3, '2026-01-01', 'r')""",
        (model.version, FEATURES_VERSION, model.to_json()),
    )
    features = prepare(RECORDS, MatchPlan.of_feed(), IdentityRules()).features
    for row in features.to_dict("records"):
        columns = ["record_key", "row_key", "features_version", *FEATURE_COLUMNS]
        values = [row["record_id"], "00000000-0000-0000-0000-000000000001", FEATURES_VERSION]
        values += [None if pd.isna(row[column]) else row[column] for column in FEATURE_COLUMNS]
        places = ", ".join(["%s"] * len(columns))
        warehouse.execute(f"insert into pii.identity_features ({', '.join(columns)}) values ({places})", values)
        warehouse.execute(
            """insert into scores.identity_clusters
               (node_type, node_hash, customer_id, is_known, confidence, component, as_of, run_id)
               values ('record', %s, %s, true, 1, 'k', '2026-01-01', 'r')""",
            (row["record_id"], CUSTOMERS[row["record_id"]]),
        )
    warehouse.execute(
        """insert into scores.identity_edges
           (left_type, left_node, right_type, right_node, rule, score, evidence, status, as_of, run_id)
           values ('record', 'shop:1', 'record', 'web:1', 'probabilistic', 0.99, 1, 'accepted', '2026-01-01', 'r')"""
    )
    warehouse.execute(
        """insert into scores.identity_refusals (left_record, right_record, probability, reason, as_of, run_id)
           values ('shop:1', 'web:2', 0.9, 'another first name', '2026-01-01', 'r')"""
    )
    warehouse.execute(
        """insert into ops.identity_decisions (left_record, right_record, decision, decided_by)
           values ('shop:1', 'web:2', 'cannot_link', 'ann')"""
    )
    return warehouse


def test_two_records_of_one_customer(known: Warehouse, settings: Settings) -> None:
    told = explain_from_warehouse(known, settings, "shop:1", "web:1")
    assert told.same_customer
    assert told.customers == ("cA", "cA")
    assert "by their own evidence" in told.verdict
    assert "first and family name exchanged" in told.evidence["label"].tolist()
    assert json.loads(json.dumps(told.to_dict()))["record_b"] == "web:1"


def test_two_customers_with_what_kept_them_apart(known: Warehouse, settings: Settings) -> None:
    told = explain_from_warehouse(known, settings, "web:2", "shop:1")
    assert not told.same_customer
    assert any("another first name" in note for note in told.notes)
    assert any("cannot-link" in note for note in told.notes)


def test_an_unknown_record_is_told(known: Warehouse, settings: Settings) -> None:
    with pytest.raises(UnknownRecordError, match="no CRM record 'shop:9'"):
        explain_from_warehouse(known, settings, "shop:1", "shop:9")
