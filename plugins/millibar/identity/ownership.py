"""Identifiers to customers: first what a person alone has, then what a household shares; valid in time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from millibar.identity.components import Codes, connect
from millibar.identity.graph import Graph, Kinds, Mask, carried, links
from millibar.identity.periods import NOBODY, Period, Sighting, clipped, timeline
from millibar.identity.rules import IdentityRules

Timeline = tuple[Period, ...]


@dataclass
class Ownership:
    """``owner``: number of the customer each node is with now, NOBODY for a node several share; shape (nodes,).

    ``periods``: nodes that were more than one customer's, or nobody's for a while. ``customers``: how many there are.
    """

    owner: Codes
    periods: dict[int, Timeline] = field(default_factory=dict)
    customers: int = 0

    def owns(self, node: int, customer: int) -> bool:
        """Whether the node is the customer's at some time."""
        periods = self.periods.get(node)
        if periods is None:
            return int(self.owner[node]) == customer
        return any(period.owner == customer for period in periods)


def attach(graph: Graph, kinds: Kinds, persons: Codes, rules: IdentityRules) -> Ownership:
    """Whose each node is.

    ``persons``: number of the person of each record, -1 elsewhere; shape (nodes,). An identifier never makes one of two
    customers. It joins the customer that carries it or was seen with it, directly or over identifiers that are his
    alone; identifiers without any customer are customers of their own, together with those they were seen with.
    A node with a fault is a customer by itself.
    """
    result = Ownership(persons.copy(), customers=int(persons.max(initial=-1)) + 1)
    seen = links(graph, kinds, rules)
    held = carried(graph)
    for members in (kinds.personal, kinds.shared):
        _attach(result, members, _sightings(result, members, held, seen, kinds), _among(members, seen))
    rest = np.flatnonzero(~kinds.record & ~kinds.personal & ~kinds.shared)
    result.owner[rest] = result.customers + np.arange(len(rest))
    result.customers += len(rest)
    return result


def _among(members: Mask, seen: pd.DataFrame) -> pd.DataFrame:
    both: Mask = members[seen["left"].to_numpy()] & members[seen["right"].to_numpy()]
    return seen.loc[both]


def _sightings(result: Ownership, members: Mask, held: pd.DataFrame, seen: pd.DataFrame, kinds: Kinds) -> pd.DataFrame:
    """node, owner, start, end: members seen with customers that are settled, over records and other identifiers."""
    of_records = held[members[held["node"].to_numpy(dtype=np.int64)]]
    parts = [
        pd.DataFrame(
            {
                "node": of_records["node"].to_numpy(np.int64),
                "owner": result.owner[of_records["record"].to_numpy(np.int64)],
                "start": of_records["start"].to_numpy(np.int64),
                "end": of_records["end"].to_numpy(np.int64),
            }
        )
    ]
    if members is kinds.shared:
        parts.append(_over_settled(result, members, seen))
    return pd.concat(parts, ignore_index=True)


def _over_settled(result: Ownership, members: Mask, seen: pd.DataFrame) -> pd.DataFrame:
    left, right = seen["left"].to_numpy(np.int64), seen["right"].to_numpy(np.int64)
    across = members[left] != members[right]
    node = np.where(members[left], left, right)[across]
    other = np.where(members[left], right, left)[across]
    start, end = seen["first_seen"].to_numpy(np.int64)[across], seen["last_seen"].to_numpy(np.int64)[across]
    turning = np.isin(other, np.fromiter(result.periods, dtype=np.int64, count=len(result.periods)))
    plain = ~turning & (result.owner[other] != NOBODY)
    rows = [
        (int(node[place]), told.owner, told.start, told.end)
        for place in np.flatnonzero(turning)
        for told in clipped(result.periods[int(other[place])], int(start[place]), int(end[place]))
    ]
    columns = ["node", "owner", "start", "end"]
    straight = np.column_stack([node[plain], result.owner[other[plain]], start[plain], end[plain]])
    return pd.DataFrame(np.vstack([straight, np.array(rows, dtype=np.int64).reshape(-1, 4)]), columns=columns)


def _attach(result: Ownership, members: Mask, sightings: pd.DataFrame, among: pd.DataFrame) -> None:
    """Settle the members: groups that know one customer as a whole, the others node by node, the rest by themselves."""
    size = len(members)
    groups = connect(size, among["left"].to_numpy(np.int64), among["right"].to_numpy(np.int64))
    lowest, highest = _owners(groups, sightings, size)
    alone = members & (lowest[groups] == highest[groups])
    result.owner[alone] = highest[groups[alone]]
    contested = members & (highest[groups] != NOBODY) & ~alone
    open_nodes = contested.copy()
    for node, periods in _spread(contested, sightings, among).items():
        open_nodes[node] = False
        result.owner[node] = periods[-1].owner
        if len(periods) > 1 or periods[0].owner == NOBODY:
            result.periods[node] = periods
    _customers_of_their_own(result, open_nodes | (members & (highest[groups] == NOBODY)), among)


def _owners(groups: Codes, sightings: pd.DataFrame, size: int) -> tuple[Codes, Codes]:
    """Lowest and highest owner seen in each group; NOBODY as highest where none was. Shape (groups or more,)."""
    lowest, highest = np.full(size, np.iinfo(np.int64).max), np.full(size, NOBODY, dtype=np.int64)
    places = groups[sightings["node"].to_numpy(np.int64)]
    np.minimum.at(lowest, places, sightings["owner"].to_numpy(np.int64))
    np.maximum.at(highest, places, sightings["owner"].to_numpy(np.int64))
    return lowest, highest


def _spread(contested: Mask, sightings: pd.DataFrame, among: pd.DataFrame) -> dict[int, Timeline]:
    """Periods of the nodes in groups that know several customers.

    Owners spread from the nodes that were seen with customers to their neighbours, a step at a time: a node belongs to
    whom it is nearest to. What was seen only with a node while that was nobody's is not reached.
    """
    told = _gathered(contested, sightings)
    neighbours = _neighbours(contested, among)
    settled: dict[int, Timeline] = {}
    while told:
        layer = {node: periods for node, seen in told.items() if (periods := timeline(seen))}
        settled |= layer
        told = defaultdict(list)
        for node, periods in layer.items():
            for other, start, end in neighbours.get(node, ()):
                if other not in settled:
                    told[other] += clipped(periods, start, end)
    return settled


def _gathered(contested: Mask, sightings: pd.DataFrame) -> dict[int, list[Sighting]]:
    chosen = sightings[contested[sightings["node"].to_numpy(np.int64)]]
    told: dict[int, list[Sighting]] = defaultdict(list)
    rows = (chosen[name].tolist() for name in ("node", "owner", "start", "end"))
    for node, owner, start, end in zip(*rows, strict=True):
        told[node].append(Sighting(owner, start, end))
    return told


def _neighbours(contested: Mask, among: pd.DataFrame) -> dict[int, list[tuple[int, int, int]]]:
    chosen = among[contested[among["left"].to_numpy(np.int64)]]
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    rows = (chosen[name].tolist() for name in ("left", "right", "first_seen", "last_seen"))
    for left, right, start, end in zip(*rows, strict=True):
        found[left].append((right, start, end))
        found[right].append((left, start, end))
    return found


def _customers_of_their_own(result: Ownership, alone: Mask, among: pd.DataFrame) -> None:
    left, right = among["left"].to_numpy(np.int64), among["right"].to_numpy(np.int64)
    both = alone[left] & alone[right]
    labels = connect(len(alone), left[both], right[both])
    numbers = pd.factorize(labels[alone])[0]
    result.owner[alone] = result.customers + numbers
    result.customers += int(numbers.max(initial=-1)) + 1
