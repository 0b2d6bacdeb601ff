"""Households: persons of one address and family name, one landline or one mailbox. For analysis, never for contact."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.identity.components import Codes, connect
from millibar.identity.graph import Graph, Kinds, carried
from millibar.identity.rules import LANDLINE

ADDRESS, PHONE, MAIL = "address and family name", "landline", "family mail"
HOUSEHOLD_COLUMNS = ["customer", "household", "evidence"]


def households(graph: Graph, kinds: Kinds, persons: Codes, features: pd.DataFrame) -> pd.DataFrame:
    """customer, household, evidence: persons who share a household with another, one row a person.

    ``persons``: number of the person of each record, -1 elsewhere. ``features``: family_name of each record, in the
    order of the records' positions. ``customer``: number of the person; ``household``: the lowest of its persons.
    """
    held = carried(graph)
    held = held[~held["is_ended"]]
    node, record = held["node"].to_numpy(np.int64), held["record"].to_numpy(np.int64)
    family = np.full(graph.size, None, dtype=object)
    family[np.flatnonzero(kinds.record)] = features["family_name"].to_numpy(dtype=object)
    types = graph.types()[node]
    landline = kinds.shared[node] & (graph.nodes["reason"].to_numpy(dtype=object)[node] == LANDLINE)
    frame = pd.DataFrame({"node": node, "person": persons[record], "family": family[record]})
    shared = [
        (ADDRESS, frame[kinds.shared[node] & (types == "postal_key") & frame["family"].notna().to_numpy()]),
        (PHONE, frame[landline].assign(family="")),
        (MAIL, frame[kinds.personal[node] & (types == "email")].assign(family="")),
    ]
    told = pd.concat([_together(rows, evidence) for evidence, rows in shared], ignore_index=True)
    if told.empty:
        return pd.DataFrame(columns=HOUSEHOLD_COLUMNS)
    left, right = told["first"].to_numpy(np.int64), told["person"].to_numpy(np.int64)
    labels = connect(int(persons.max(initial=-1)) + 1, left, right)
    ends = pd.DataFrame({"customer": np.r_[left, right], "evidence": np.tile(told["evidence"].to_numpy(), 2)})
    found = ends.drop_duplicates().sort_values(["customer", "evidence"])
    found = found.groupby("customer", as_index=False).agg(evidence=("evidence", ", ".join))
    household = pd.Series(labels[found["customer"].to_numpy(np.int64)])
    found["household"] = found["customer"].groupby(household).transform("min")
    return found[HOUSEHOLD_COLUMNS]


def _together(rows: pd.DataFrame, evidence: str) -> pd.DataFrame:
    """first, person, evidence: each person tied to the first one on the same node (and of the same family)."""
    distinct = rows[["node", "family", "person"]].drop_duplicates()
    distinct["first"] = distinct.groupby(["node", "family"])["person"].transform("min")
    apart = distinct[distinct["first"] != distinct["person"]]
    return apart[["first", "person"]].assign(evidence=evidence)
