"""Who is who: persons of records, identifiers that join them, ids that stay; never a matter of row order."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.identity.clustering import ClusterRules
from millibar.identity.graph import EDGE_COLUMNS, NODE_COLUMNS, Graph
from millibar.identity.guards import Guards
from millibar.identity.periods import ALWAYS, FOREVER
from millibar.identity.resolution import Past, Resolution, resolve
from millibar.identity.rules import LANDLINE, IdentityRules

RULES = IdentityRules()
CLUSTERS = ClusterRules(guards=Guards({"loyalty_id": "on", "birth_date": "on", "given_name": "on"}))
DAY = 86_400_000_000
GUARDED = ("given_name", "family_name", "name_key", "birth_date", "loyalty_id")
LANDLINE_NUMBER = "+33142123456"

Node = tuple[str, str]


@dataclass
class Market:
    """Builds the graph from short notations; the hash of a value is the value itself, a day is a whole number."""

    first_seen: dict[Node, int] = field(default_factory=dict)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: dict[tuple[Node, Node, str], list] = field(default_factory=dict)
    faults: dict[Node, str] = field(default_factory=dict)

    def record(self, key: str, day: int = 0, name: dict[str, str] | None = None, **carried: str) -> Market:
        self._see(("record", key), day)
        self.names[key] = name or {}
        for node in carried.items():
            self._edge(("record", key), node, "record", 1.0, day, day)
        return self

    def dropped(self, key: str, kind: str, value: str, first: int, last: int) -> Market:
        self._edge(("record", key), (kind, value), "record", 1.0, first, last, "ended")
        return self

    def alike(self, one: str, other: str, probability: float) -> Market:
        self._edge(("record", one), ("record", other), "probabilistic", probability, 0, 0)
        return self

    def decided(self, one: str, other: str, decision: str) -> Market:
        self._edge(("record", one), ("record", other), decision, 1.0, 0, 0)
        return self

    def link(
        self, one: Node, other: Node, day: int = 0, until: int | None = None, rule: str = "identity_link"
    ) -> Market:
        score = RULES.rule_scores[rule]
        self._edge(one, other, rule, score, day, day if until is None else until)
        return self

    def sees(self, kind: str, value: str, day: int = 0) -> Market:
        self._see((kind, value), day)
        return self

    def _see(self, node: Node, day: int) -> None:
        self.first_seen[node] = min(day, self.first_seen.get(node, day))

    def _edge(self, one: Node, other: Node, rule: str, score: float, first: int, last: int, status: str = "") -> None:
        for node in (one, other):
            if node[0] != "record" or node not in self.first_seen:
                self._see(node, first)
        self.edges[min(one, other), max(one, other), rule] = [score, first, last, status or "accepted"]

    def without(self, one: Node, other: Node) -> Market:
        kept = {key: told for key, told in self.edges.items() if {one, other} != {key[0], key[1]}}
        return replace(self, edges=kept)

    @staticmethod
    def _reason(node: Node) -> str | None:
        return LANDLINE if node[1] == LANDLINE_NUMBER else None

    def nodes(self) -> list[Node]:
        return sorted(self.first_seen)

    def graph(self, order: int | None = None) -> Graph:
        nodes = self.nodes()
        place = {node: number for number, node in enumerate(nodes)}
        frame = pd.DataFrame(
            [(*node, self.first_seen[node] * DAY, self._reason(node), True, self.faults.get(node)) for node in nodes],
            columns=NODE_COLUMNS,
        ).astype({"node_type": object, "node_hash": object, "reason": object, "fault": object, "first_seen": np.int64})
        sound = {key: told for key, told in self.edges.items() if not {key[0], key[1]} & set(self.faults)}
        edges = pd.DataFrame(
            [
                (place[one], place[other], rule, told[0], told[1] * DAY, told[2] * DAY, told[3])
                for (one, other, rule), told in sound.items()
            ],
            columns=EDGE_COLUMNS,
        ).astype({"left": np.int64, "right": np.int64, "first_seen": np.int64, "last_seen": np.int64, "score": float})
        edges = edges.sort_values(["left", "right", "rule"], ignore_index=True)
        return Graph(frame, edges if order is None else edges.sample(frac=1, random_state=order, ignore_index=True))

    def features(self) -> pd.DataFrame:
        rows = [[self.names[key].get(name) for name in GUARDED] for kind, key in self.nodes() if kind == "record"]
        return pd.DataFrame(rows, columns=GUARDED, dtype=object)

    def resolve(
        self,
        before: Found | None = None,
        rules: IdentityRules = RULES,
        clusters: ClusterRules = CLUSTERS,
        order: int | None = None,
    ) -> Found:
        ids = np.array([None if before is None else before.ids.get(node) for node in self.nodes()], dtype=object)
        past = Past(ids, {} if before is None else before.aliases)
        found = resolve(self.graph(order), self.features(), rules, clusters, past)
        aliases = {} if before is None else dict(before.aliases)
        merges = found.events[found.events["event"] == "merge"]
        aliases |= dict(zip(merges["other_customer_id"], merges["customer_id"], strict=True))
        return Found(found, self.nodes(), aliases)


@dataclass
class Found:
    """A resolution with the names of its nodes."""

    resolution: Resolution
    nodes: list[Node]
    aliases: dict[str, str]

    @property
    def ids(self) -> dict[Node, str]:
        return dict(zip(self.nodes, self.resolution.clusters["customer_id"], strict=True))

    def who(self, kind: str, value: str | None = None) -> str:
        return self.ids[("record", kind) if value is None else (kind, value)]

    def customers(self) -> int:
        return len(set(self.ids.values()))

    def row(self, kind: str, value: str) -> pd.Series:
        return self.resolution.clusters.iloc[self.nodes.index((kind, value))]

    def periods(self, kind: str, value: str) -> list[tuple[str, int | None, int | None]]:
        place = self.nodes.index((kind, value))
        told = self.resolution.periods[self.resolution.periods["node"] == place]
        return [
            (row.customer_id, None if row.valid_from == ALWAYS else row.valid_from // DAY,
             None if row.valid_to == FOREVER else row.valid_to // DAY)
            for row in told.itertuples()
        ]  # fmt: skip

    def told(self) -> list[tuple[str, str, str]]:
        return [tuple(row) for row in self.resolution.events.to_numpy()[:, :3].tolist()]


def mail(number: int) -> str:
    return f"person{number}@mail.fr"


def person(given: str, family: str = "morel") -> dict[str, str]:
    return {"given_name": given, "family_name": family, "name_key": f"{given} {family}"}


def test_records_that_are_alike_are_one_customer_with_all_they_carry() -> None:
    market = Market().record("crm:1", email=mail(1)).record("shop:9", email=mail(1), phone="+33612345679")
    found = market.record("crm:2", email=mail(2)).alike("crm:1", "shop:9", 0.97).resolve()
    assert (
        found.who("crm:1") == found.who("shop:9") == found.who("email", mail(1)) == found.who("phone", "+33612345679")
    )
    assert found.who("crm:2") == found.who("email", mail(2)) != found.who("crm:1")


def test_every_record_and_value_has_a_customer_even_without_identifiers() -> None:
    found = Market().record("crm:1").record("crm:2").sees("cookie_id", "cookie-1").resolve()
    assert found.customers() == 3
    assert found.resolution.clusters["is_known"].sum() == 2


def test_an_identifier_never_makes_one_of_two_persons() -> None:
    found = Market().record("crm:1", email=mail(1)).record("crm:2", email=mail(1)).resolve()
    assert found.customers() == 3
    shared = found.row("email", mail(1))
    assert (shared["is_known"], shared["confidence"]) == (False, 0.0)
    assert set(found.resolution.edges["reason"]) == {"email shared by several customers"}
    assert set(found.resolution.edges["uses"]) == {"analysis"}


def test_records_whose_identifiers_were_seen_together_are_one() -> None:
    market = Market().record("crm:1", email=mail(1)).record("crm:2", phone="+33612345679")
    assert market.resolve().who("crm:1") != market.resolve().who("crm:2")
    market.link(("email", mail(1)), ("phone", "+33612345679"))
    found = market.resolve()
    assert found.who("crm:1") == found.who("crm:2")
    linked = found.resolution.linked.iloc[0]
    assert (linked["rule"], linked["score"], linked["status"]) == ("identity_link", 0.95, "accepted")


def test_a_row_with_what_one_record_carries_says_nothing_of_another_that_shares_part_of_it() -> None:
    """Mother's record has the family mail and her number; father's has the mail: her own orders do not make them one."""
    market = Market().record("crm:1", email=mail(1), phone="+33612345679").record("crm:2", email=mail(1))
    found = market.link(("email", mail(1)), ("phone", "+33612345679"), rule="same_row").resolve()
    assert found.who("crm:1") != found.who("crm:2")
    assert found.resolution.linked.empty


def test_a_guard_keeps_two_first_names_apart_and_tells() -> None:
    market = Market().record("crm:1", name=person("anna")).record("crm:2", name=person("paul"))
    found = market.alike("crm:1", "crm:2", 0.9).resolve()
    assert found.who("crm:1") != found.who("crm:2")
    assert found.resolution.refusals["reason"].tolist() == ["another first name"]
    assert found.resolution.edges["status"].tolist() == ["refused"]


def test_decisions_stand_above_evidence() -> None:
    market = Market().record("crm:1").record("crm:2").record("crm:3").alike("crm:1", "crm:2", 0.99)
    market.decided("crm:1", "crm:2", "cannot_link").decided("crm:1", "crm:3", "must_link")
    found = market.resolve()
    assert found.who("crm:1") == found.who("crm:3") != found.who("crm:2")


def test_a_node_in_quarantine_is_its_own_customer() -> None:
    market = Market().record("crm:1", email="na@na.fr").record("crm:2", email="na@na.fr")
    market.faults["email", "na@na.fr"] = "email unusable: placeholder"
    found = market.resolve()
    assert found.customers() == 3
    assert (found.row("email", "na@na.fr")["is_known"], found.row("email", "na@na.fr")["confidence"]) == (False, 0.0)


@pytest.mark.parametrize(("kind", "value"), [("phone", LANDLINE_NUMBER), ("postal_key", "12 rue de la paix 75002")])
def test_what_a_household_shares_joins_one_customer_and_never_makes_one_of_two(kind: str, value: str) -> None:
    market = Market().record("crm:1", name=person("anna"), email=mail(1), **{kind: value})
    assert market.resolve().customers() == 1
    both = market.record("crm:2", name=person("paul"), email=mail(2), **{kind: value}).resolve()
    assert both.customers() == 3
    assert both.row(kind, value)["confidence"] == 0.0
    home = both.resolution.households
    assert set(home["customer_id"]) == {both.who("crm:1"), both.who("crm:2")}
    assert home["household_id"].nunique() == 1
    assert set(home["evidence"]) == {"landline" if kind == "phone" else "address and family name"}


def test_neighbours_of_other_names_at_one_address_are_no_household() -> None:
    market = Market().record("crm:1", name=person("anna"), postal_key="12 rue de la paix 75002")
    market.record("crm:2", name=person("paul", "haddad"), postal_key="12 rue de la paix 75002")
    assert market.resolve().resolution.households.empty


def test_a_changed_email_stays_with_the_customer() -> None:
    found = (
        Market().record("crm:1", day=30, email="new@mail.fr").dropped("crm:1", "email", "old@mail.fr", 0, 30).resolve()
    )
    assert found.who("email", "old@mail.fr") == found.who("crm:1") == found.who("email", "new@mail.fr")
    assert found.periods("email", "old@mail.fr") == []
    assert sorted(found.resolution.edges["status"]) == ["accepted", "ended"]


def test_a_recycled_phone_is_each_ones_in_turn() -> None:
    market = Market().record("crm:1").dropped("crm:1", "phone", "+33612345679", 0, 30)
    found = market.record("crm:2", day=60, phone="+33612345679").resolve()
    first, second = found.who("crm:1"), found.who("crm:2")
    assert found.periods("phone", "+33612345679") == [(first, None, 60), (second, 60, None)]
    assert found.who("phone", "+33612345679") == second
    assert sorted(found.resolution.edges["status"]) == ["accepted", "ended"]


def test_a_cookie_follows_a_mail_that_changed_hands() -> None:
    """Seen with the mail while that was the first one's, the cookie is the first one's; later, the second one's."""
    market = Market().record("crm:1").dropped("crm:1", "email", mail(1), 0, 30).record("crm:2", day=60, email=mail(1))
    market.link(("email", mail(1)), ("cookie_id", "early"), day=10)
    market.link(("email", mail(1)), ("cookie_id", "late"), day=70).link(
        ("email", mail(1)), ("cookie_id", "both"), day=10, until=70
    )
    found = market.resolve()
    assert found.who("cookie_id", "early") == found.who("crm:1")
    assert found.who("cookie_id", "late") == found.who("crm:2")
    assert [(start, end) for _, start, end in found.periods("cookie_id", "both")] == [(None, 60), (60, None)]


def test_identifiers_without_a_record_make_a_customer_of_their_own() -> None:
    market = Market().link(("email", mail(1)), ("phone", "+33612345679")).link(("email", mail(1)), ("cookie_id", "c"))
    found = market.resolve()
    assert found.customers() == 1
    assert found.resolution.clusters["is_known"].all()


def test_a_device_carries_its_cookies_to_the_only_customer_it_knows() -> None:
    market = Market().record("crm:1", email=mail(1)).link(("email", mail(1)), ("device_id", "my-phone"))
    market.link(("device_id", "my-phone"), ("cookie_id", "a")).link(("cookie_id", "a"), ("cookie_id", "b"))
    assert market.resolve().customers() == 1


def test_anonymous_devices_and_cookies_stay_together() -> None:
    market = (
        Market().link(("device_id", "device"), ("cookie_id", "a")).link(("device_id", "device"), ("cookie_id", "b"))
    )
    found = market.resolve()
    assert found.customers() == 1
    assert not found.resolution.clusters["is_known"].any()


def test_what_was_seen_with_one_of_two_follows_that_one() -> None:
    """Two customers' identifiers were seen together: what is tied to the first one's alone stays the first one's."""
    market = Market().record("crm:1", name=person("anna"), email=mail(1))
    market.record("crm:2", name=person("paul"), email=mail(2)).link(("email", mail(1)), ("email", mail(2)))
    found = market.link(("email", mail(1)), ("social_handle", "x:anna")).resolve()
    assert found.who("social_handle", "x:anna") == found.who("crm:1")
    assert found.who("email", mail(2)) == found.who("crm:2") != found.who("crm:1")


def test_a_cookie_joins_the_customer_it_logged_in_as() -> None:
    market = Market().sees("cookie_id", "cookie-1").record("crm:1", day=3, email=mail(1))
    first = market.resolve()
    second = market.link(("email", mail(1)), ("cookie_id", "cookie-1"), day=5).resolve(first)
    # the known customer goes on although the cookie is older; the anonymous id turns into an alias
    assert set(second.ids.values()) == {first.who("crm:1")}
    assert second.told() == [("merge", first.who("crm:1"), first.who("cookie_id", "cookie-1"))]
    assert "identity_link" in second.resolution.events["because"].iloc[0]


def test_a_merge_keeps_the_older_id() -> None:
    market = Market().record("crm:old", day=0).record("crm:new", day=9).record("crm:new2", day=9)
    market.alike("crm:new", "crm:new2", 0.9)
    first = market.resolve()
    market.decided("crm:old", "crm:new", "must_link")
    second = market.alike("crm:old", "crm:new2", 0.9).resolve(first)
    assert set(second.ids.values()) == {first.who("crm:old")}
    assert second.told() == [("merge", first.who("crm:old"), first.who("crm:new"))]


def test_merge_then_unmerge_restores_ids() -> None:
    market = Market().record("crm:old", day=0, email=mail(1)).record("crm:new", day=9, phone="+33612345679")
    first = market.resolve()
    market.decided("crm:old", "crm:new", "must_link")
    second = market.resolve(first)
    apart = market.without(("record", "crm:old"), ("record", "crm:new"))
    third = apart.resolve(second)
    assert third.ids == first.ids
    assert third.told() == [("split", first.who("crm:old"), first.who("crm:new"))]
    assert third.resolution.events["because"].tolist() == ["link no longer observed"]


def test_a_split_leaves_the_id_with_the_larger_part_and_says_why() -> None:
    market = Market().record("crm:1", name=person("anna")).record("crm:2").record("crm:3")
    market.alike("crm:1", "crm:2", 0.9).alike("crm:2", "crm:3", 0.9).alike("crm:1", "crm:3", 0.9)
    first = market.resolve()
    assert first.customers() == 1
    market.names |= {"crm:2": person("paul"), "crm:3": person("paul")}
    second = market.resolve(first)
    assert second.who("crm:2") == second.who("crm:3") == first.who("crm:2") != second.who("crm:1")
    assert second.told() == [("split", first.who("crm:2"), second.who("crm:1"))]
    assert "another first name" in second.resolution.events["because"].iloc[0]


def test_a_new_part_never_takes_an_id_that_lives() -> None:
    """The part that holds the old anchor is the smaller one: its natural id is taken and it must find another."""
    market = Market().record("crm:1", day=0)
    for number in range(2, 5):
        market.record(f"crm:{number}", day=5)
    for one, other in ((1, 2), (2, 3), (3, 4), (2, 4)):
        market.decided(f"crm:{one}", f"crm:{other}", "must_link")
    first = market.resolve()
    second = market.without(("record", "crm:1"), ("record", "crm:2")).resolve(first)
    assert second.who("crm:2") == first.who("crm:1") != second.who("crm:1")


def test_ids_borne_outside_the_graph_are_not_given_again() -> None:
    market = Market().record("crm:1")
    natural = market.resolve().who("crm:1")
    past = Past(np.array([None], dtype=object), {}, lambda ids: {natural} & set(ids))
    found = resolve(market.graph(), market.features(), RULES, CLUSTERS, past)
    assert found.clusters["customer_id"].iloc[0] != natural


def test_rebuild_keeps_ids() -> None:
    market = random_market(3, persons=40)
    first = market.resolve()
    again = market.resolve(first)
    assert again.ids == first.ids
    assert again.told() == []


def test_nothing_in_nothing_out() -> None:
    found = Market().resolve()
    assert found.resolution.clusters.empty
    assert found.resolution.edges.empty
    assert found.told() == []


def test_edges_must_lead_upwards() -> None:
    graph = Market().record("crm:1", email=mail(1)).graph()
    wrong = graph.edges.rename(columns={"left": "right", "right": "left"})
    with pytest.raises(ValueError, match="lower to a higher"):
        Graph(graph.nodes, wrong[EDGE_COLUMNS])


def random_market(seed: int, persons: int) -> Market:
    random = np.random.default_rng(seed)
    market = Market()
    for number in range(persons * 2):
        someone, day = int(random.integers(persons)), int(random.integers(30))
        carried = {"email": mail(someone)} if random.random() < 0.7 else {"phone": f"+336123{someone:05d}"}
        if random.random() < 0.3:
            carried["postal_key"] = f"{someone % 5} rue de la paix"
        market.record(f"crm:{number}", day=day, name=person("abcdefgh"[someone % 8]), **carried)
        if random.random() < 0.5 and "email" in carried:
            cookie = f"cookie-{int(random.integers(persons))}"
            market.link(("email", carried["email"]), ("cookie_id", cookie), day, day + int(random.integers(9)))
        for _ in range(2):
            other = int(random.integers(number + 1))
            if other != number:
                market.alike(f"crm:{other}", f"crm:{number}", float(random.choice([0.05, 0.4, 0.6, 0.95])))
    return market


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_order_of_rows_does_not_matter(seed: int, order: int) -> None:
    market = random_market(seed, persons=12)
    straight, shuffled = market.resolve(), market.resolve(order=order)
    assert shuffled.ids == straight.ids
    pd.testing.assert_frame_equal(shuffled.resolution.periods, straight.resolution.periods)
    pd.testing.assert_frame_equal(shuffled.resolution.households, straight.resolution.households)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_component_is_resolved_the_same_alone(seed: int) -> None:
    """What makes it right to cluster only what a change touches."""
    market = random_market(seed, persons=12)
    whole = market.resolve()
    components = whole.resolution.clusters["component"].to_numpy()
    for component in set(components):
        members = {node for node, label in zip(whole.nodes, components, strict=True) if label == component}
        part = Market(
            {node: day for node, day in market.first_seen.items() if node in members},
            market.names,
            {key: told for key, told in market.edges.items() if {key[0], key[1]} <= members},
        ).resolve()
        assert part.ids == {node: whole.ids[node] for node in members}
        assert set(part.resolution.clusters["component"]) == {component}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_accepted_edges_join_what_is_one_customers_at_some_time(seed: int) -> None:
    found = random_market(seed, persons=12).resolve()
    owners = {place: {identity} for place, identity in enumerate(found.resolution.clusters["customer_id"])}
    for row in found.resolution.periods.itertuples():
        owners[row.node].add(row.customer_id)
    graph = random_market(seed, persons=12).graph()
    judged = pd.concat([graph.edges[["left", "right", "rule"]], found.resolution.edges], axis=1)
    for edge in judged.itertuples():
        shares = bool(owners[edge.left] & owners[edge.right])
        assert shares or edge.status != "accepted"
        assert pd.isna(edge.reason) == (edge.status == "accepted")


@pytest.mark.parametrize("ends", [0, 1, 2], ids=["nobody's", "one customer's", "two customers'"])
def test_a_component_of_a_hundred_thousand_nodes_does_not_stop_the_run(ends: int) -> None:
    count = 100_000
    names = [f"cookie-{number:06d}" for number in range(count)]
    records = [f"crm:{number}" for number in range(ends)]
    kinds = ["cookie_id"] * count + ["record"] * ends
    nodes = pd.DataFrame({"node_type": kinds, "node_hash": names + records, "first_seen": 0}).assign(
        reason=None, is_usable=True, fault=None
    )
    chain = pd.DataFrame({"left": range(count - 1), "right": range(1, count), "rule": "identity_link", "score": 0.95})
    tops = [(0, count), (count - 1, count + 1)][:ends]
    carried = pd.DataFrame([(*pair, "record", 1.0) for pair in tops], columns=["left", "right", "rule", "score"])
    parts = [part for part in (chain, carried) if len(part)]
    edges = pd.concat(parts, ignore_index=True).assign(first_seen=0, last_seen=0, status="accepted")
    features = pd.DataFrame([[None] * len(GUARDED)] * ends, columns=GUARDED, dtype=object)
    started = time.monotonic()
    found = resolve(Graph(nodes[NODE_COLUMNS], edges[EDGE_COLUMNS]), features, RULES, CLUSTERS)
    assert time.monotonic() - started < 60
    assert found.clusters["customer_id"].nunique() == max(ends, 1)
    assert found.clusters["component"].nunique() == 1
