"""Identifiers a household shares (landline, postal address, tablet): they join a customer, never two of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.components import Codes, connect
from millibar.identity.rules import IdentityRules

AMBIGUOUS = "shared by several customers"
NOBODY, SEVERAL = -1, -2


def hold_ambiguous(
    nodes: pd.DataFrame, edges: pd.DataFrame, rules: IdentityRules
) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Hold the accepted edges of shared identifiers that would make one customer of two.

    Customers are first formed without the shared identifiers. A group of shared identifiers that are tied to each other
    (a tablet and its cookies) joins the customer it touches, where there is just one. Where there are several, each
    identifier joins the customer it touches itself, if that is one; everything else of the group is held.

    ``nodes``, ``edges``: as in :class:`millibar.identity.graph.Graph`. Returns the edges, and which nodes touch several
    customers and so name none; shape (nodes,).
    """
    shared = (nodes["node_type"].isin(rules.shared_types) | nodes["reason"].isin(rules.shared_reasons)).to_numpy(bool)
    left, right = edges["left"].to_numpy(), edges["right"].to_numpy()
    accepted = (edges["status"] == "accepted").to_numpy(bool)
    firm = accepted & ~shared[left] & ~shared[right]
    among = accepted & shared[left] & shared[right]
    across = accepted & (shared[left] != shared[right])
    customers = connect(len(nodes), left[firm], right[firm])
    groups = connect(len(nodes), left[among], right[among])
    end = np.where(shared[left], left, right)[across]
    owner = customers[np.where(shared[left], right, left)[across]]
    of_node = _only_owner(end, owner, len(nodes))
    of_group = _only_owner(groups[end], owner, len(nodes))[groups]
    clear = of_group != SEVERAL
    held = np.zeros(len(edges), dtype=bool)
    held[across] = ~clear[end] & (of_node[end] == SEVERAL)
    same = (of_node[left] == of_node[right]) & (of_node[left] >= 0)
    held |= among & ~clear[left] & ~same
    reason = edges["reason"].to_numpy(dtype=object).copy()
    kinds = nodes["node_type"].to_numpy(dtype=object)
    for place in np.flatnonzero(held):
        node = left[place] if shared[left[place]] else right[place]
        reason[place] = f"{kinds[node]} {AMBIGUOUS}"
    judged = edges.assign(status=np.where(held, "held", edges["status"]), reason=reason)
    return judged, of_node == SEVERAL


def _only_owner(places: Codes, owners: Codes, size: int) -> npt.NDArray[np.int64]:
    """The owner of each place where it has one alone; NOBODY or SEVERAL otherwise. Shape (size,)."""
    lowest, highest = np.full(size, np.iinfo(np.int64).max), np.full(size, NOBODY)
    np.minimum.at(lowest, places, owners)
    np.maximum.at(highest, places, owners)
    return np.where(highest == NOBODY, NOBODY, np.where(lowest == highest, highest, SEVERAL))
