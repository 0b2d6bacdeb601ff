"""Who is who: components, hubs in quarantine, ids that stay, merges and splits; never a matter of row order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.identity import HubLimit, IdentityRules, Resolution, normalise_values, resolve

RULES = IdentityRules()
DAY = pd.Timestamp("2025-01-01", tz="UTC")
NOBODY = pd.DataFrame({"node_type": [], "node_hash": [], "customer_id": []}).astype(str)


@dataclass
class Market:
    """Builds the inputs of resolve from short notations; the hash of a value is the value itself."""

    values: dict[tuple[str, str], int] = field(default_factory=dict)
    record_rows: list[tuple[str, str | None, str | None, int]] = field(default_factory=list)
    link_rows: list[tuple[str, str, str, str, str, int]] = field(default_factory=list)

    def record(self, key: str, day: int = 0, **carried: str) -> Market:
        for kind, value in carried.items():
            self._see(kind, value, day)
            self.record_rows.append((key, kind, value, day))
        if not carried:
            self.record_rows.append((key, None, None, day))
        return self

    def link(self, left: tuple[str, str], right: tuple[str, str], day: int = 0, rule: str = "identity_link") -> Market:
        self._see(*left, day)
        self._see(*right, day)
        self.link_rows.append((*left, *right, rule, day))
        return self

    def sees(self, kind: str, value: str, day: int = 0) -> Market:
        self._see(kind, value, day)
        return self

    def _see(self, kind: str, value: str, day: int) -> None:
        self.values[kind, value] = min(day, self.values.get((kind, value), day))

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        identifiers = pd.DataFrame(
            [(kind, value, DAY + pd.Timedelta(days=day)) for (kind, value), day in self.values.items()],
            columns=["identifier_type", "value_hash", "first_seen_at"],
        )
        records = pd.DataFrame(
            [(key, kind, value, *[DAY + pd.Timedelta(days=day)] * 2) for key, kind, value, day in self.record_rows],
            columns=["node_hash", "identifier_type", "value_hash", "first_seen_at", "last_seen_at"],
        )
        links = pd.DataFrame(
            [(*row[:5], 1, *[DAY + pd.Timedelta(days=row[5])] * 2) for row in self.link_rows],
            columns=["left_type", "left_value_hash", "right_type", "right_value_hash", "rule", "evidence",
                     "first_seen_at", "last_seen_at"],
        )  # fmt: skip
        nodes = normalise_values(identifiers.assign(value=identifiers["value_hash"]), lambda _, value: value, RULES)
        return identifiers, records, links, nodes

    def resolve(
        self,
        previous: pd.DataFrame = NOBODY,
        aliases: dict[str, str] | None = None,
        rules: IdentityRules = RULES,
        order: int | None = None,
    ) -> Resolution:
        frames = self.frames()
        if order is not None:
            frames = tuple(frame.sample(frac=1, random_state=order) for frame in frames)
        return resolve(*frames, previous, aliases or {}, rules)


def customer(resolution: Resolution, kind: str, value: str) -> str:
    clusters = resolution.clusters.set_index(["node_type", "node_hash"])["customer_id"]
    return str(clusters[kind, value])


def mail(number: int) -> str:
    return f"person{number}@mail.fr"


def test_records_that_share_an_identifier_are_one_customer() -> None:
    market = (
        Market()
        .record("crm:1", email="Anna@mail.fr")
        .record("shop:9", email="anna@mail.fr", phone="0612345679")
        .record("shop:10", phone="+33612345679")
        .record("crm:2", email="other@mail.fr")
    )
    found = market.resolve()
    assert customer(found, "record", "crm:1") == customer(found, "record", "shop:10")
    assert customer(found, "record", "crm:2") != customer(found, "record", "crm:1")
    # both spellings are one node
    assert (found.clusters["node_hash"] == "anna@mail.fr").sum() == 1
    assert found.figures["records"] == 4
    assert found.figures["customers"] == 2


def test_every_record_and_value_has_a_customer_even_without_identifiers() -> None:
    found = Market().record("crm:1").record("crm:2").sees("cookie_id", "cookie-1").resolve()
    assert found.clusters["customer_id"].nunique() == 3
    assert found.figures["customers_known"] == 2


def test_a_placeholder_links_nobody_and_is_its_own_customer() -> None:
    market = Market()
    for number in range(3):
        market.record(f"crm:{number}", email="na@na.fr", phone=f"061234560{number}")
    found = market.resolve()
    assert found.clusters.query("node_type == 'record'")["customer_id"].nunique() == 3
    placeholder = found.clusters.query("node_hash == 'na@na.fr'").iloc[0]
    assert not placeholder["is_known"]
    assert placeholder["confidence"] == 0
    held = found.edges.query("status == 'held'")
    assert held["reason"].tolist() == ["email unusable: placeholder"] * 3
    assert found.figures["unusable"] == {"email placeholder": 1}


def test_a_phone_on_six_records_is_a_hub_and_on_five_it_is_not() -> None:
    def market(records: int) -> Market:
        market = Market()
        for number in range(records):
            market.record(f"crm:{number}", email=mail(number), phone="0612345679")
        return market

    within, beyond = market(5).resolve(), market(6).resolve()
    assert within.clusters["customer_id"].nunique() == 1
    # six customers and the quarantined phone
    assert beyond.clusters["customer_id"].nunique() == 7
    assert beyond.figures["hubs"] == {"phone": 1}
    held = beyond.edges.query("status == 'held'")
    assert len(held) == 6
    assert set(held["reason"]) == {"phone tied to 6 of record, limit 5"}


def test_limits_come_from_the_rules() -> None:
    market = Market().record("a:1", email=mail(1)).record("a:2", email=mail(1))
    strict = replace(RULES, limits=(HubLimit("email", "record", 1),))
    assert market.resolve().clusters["customer_id"].nunique() == 1
    assert market.resolve(rules=strict).clusters["customer_id"].nunique() == 3


@pytest.mark.parametrize(("kind", "value"), [("phone", "0142123456"), ("postal_key", "12 rue de la paix 75002")])
def test_what_a_household_shares_joins_one_customer_and_never_makes_one_of_two(kind: str, value: str) -> None:
    market = Market().record("crm:1", email=mail(1), **{kind: value}).record("shop:1", email=mail(1), **{kind: value})
    alone = market.resolve()
    assert alone.clusters["customer_id"].nunique() == 1
    both = market.record("crm:2", email=mail(2), **{kind: value}).resolve()
    assert customer(both, "record", "crm:1") == customer(both, "record", "shop:1") != customer(both, "record", "crm:2")
    shared = both.clusters[(both.clusters["node_type"] == kind)].iloc[0]
    assert (shared["is_known"], shared["confidence"]) == (False, 0.0)
    assert set(both.edges.query("status == 'held'")["reason"]) == {f"{kind} shared by several customers"}
    assert both.figures["ambiguous"] == {kind: 1}


def test_a_shared_tablet_makes_nobody_one() -> None:
    market = Market()
    for number in range(2):
        market.record(f"crm:{number}", email=mail(number))
        market.link(("email", mail(number)), ("device_id", "tablet"))
        market.link(("email", mail(number)), ("cookie_id", f"cookie-{number}"))
        market.link(("device_id", "tablet"), ("cookie_id", f"cookie-{number}"))
    market.link(("device_id", "tablet"), ("cookie_id", "cookie-guest"))
    found = market.resolve()
    # each keeps the cookie that is his alone; the tablet and the guest's cookie name nobody
    for number in range(2):
        assert customer(found, "cookie_id", f"cookie-{number}") == customer(found, "record", f"crm:{number}")
    assert found.clusters["customer_id"].nunique() == 4


def test_a_device_carries_its_cookies_to_the_only_customer_it_knows() -> None:
    market = Market().record("crm:1", email=mail(1)).link(("email", mail(1)), ("device_id", "my-phone"))
    market.link(("device_id", "my-phone"), ("cookie_id", "cookie-a"))
    market.link(("cookie_id", "cookie-a"), ("cookie_id", "cookie-b"))
    assert market.resolve().clusters["customer_id"].nunique() == 1


def test_anonymous_devices_and_cookies_stay_together() -> None:
    market = Market().link(("device_id", "device"), ("cookie_id", "cookie-a"))
    market.link(("device_id", "device"), ("cookie_id", "cookie-b"))
    found = market.resolve()
    assert found.clusters["customer_id"].nunique() == 1
    assert not found.clusters["is_known"].any()


def test_a_cookie_joins_the_customer_it_logged_in_as() -> None:
    before = Market().sees("cookie_id", "cookie-1").record("crm:1", day=3, email=mail(1))
    first = before.resolve()
    anonymous = customer(first, "cookie_id", "cookie-1")
    known = customer(first, "record", "crm:1")
    after = before.link(("email", mail(1)), ("cookie_id", "cookie-1"), day=5)
    second = after.resolve(first.clusters)
    # the known customer goes on although the cookie is older; the anonymous id turns into an alias
    assert set(second.clusters["customer_id"]) == {known}
    assert second.clusters["is_known"].all()
    event = second.events.iloc[0]
    assert (event["event"], event["customer_id"], event["other_customer_id"]) == ("merge", known, anonymous)
    assert "identity_link" in event["because"]


def test_a_merge_keeps_the_older_id() -> None:
    market = Market().record("crm:old", day=0, email=mail(1)).record("crm:new", day=9, email=mail(2))
    market.record("crm:new2", day=9, email=mail(2))
    first = market.resolve()
    older, younger = customer(first, "record", "crm:old"), customer(first, "record", "crm:new")
    second = market.link(("email", mail(1)), ("email", mail(2)), day=20).resolve(first.clusters)
    assert set(second.clusters["customer_id"]) == {older}
    assert second.events[["event", "customer_id", "other_customer_id"]].to_numpy().tolist() == [
        ["merge", older, younger]
    ]


def test_merge_then_unmerge_restores_both_ids() -> None:
    apart = Market().record("crm:old", day=0, email=mail(1)).record("crm:new", day=9, email=mail(2))
    apart.record("crm:new2", day=9, email=mail(2), phone="0612345679")
    first = apart.resolve()
    joined = Market(dict(apart.values), list(apart.record_rows)).link(("email", mail(1)), ("email", mail(2)))
    second = joined.resolve(first.clusters)
    aliases = dict(second.events[["other_customer_id", "customer_id"]].to_numpy().tolist())
    third = apart.resolve(second.clusters, aliases)
    pd.testing.assert_frame_equal(third.clusters, first.clusters)
    assert third.events["event"].tolist() == ["split"]
    assert third.events["because"].tolist() == ["link no longer observed"]


def test_a_split_leaves_the_id_with_the_larger_part_and_says_why() -> None:
    market = Market().record("crm:1", email=mail(1), phone="0612345679").record("crm:2", email=mail(2))
    market.record("crm:3", email=mail(2), phone="0612345679")
    first = market.resolve()
    assert first.clusters["customer_id"].nunique() == 1
    parent = customer(first, "record", "crm:2")
    strict = replace(RULES, limits=(HubLimit("phone", "record", 1),))
    second = market.resolve(first.clusters, rules=strict)
    assert customer(second, "record", "crm:2") == customer(second, "record", "crm:3") == parent
    splits = second.events.set_index("other_customer_id")
    assert (splits["event"] == "split").all()
    assert (splits["customer_id"] == parent).all()
    assert "phone tied to 2 of record, limit 1" in splits.loc[customer(second, "record", "crm:1"), "because"]


def test_a_new_part_never_takes_an_id_that_lives() -> None:
    """The part that holds the old anchor is the smaller one: its natural id is taken and it must find another."""
    market = Market().record("crm:1", day=0, email=mail(1))
    for number in range(2, 5):
        market.record(f"crm:{number}", day=5, email=mail(2))
    market.link(("email", mail(1)), ("email", mail(2)))
    first = market.resolve()
    apart = Market(dict(market.values), list(market.record_rows))
    second = apart.resolve(first.clusters)
    assert second.clusters["customer_id"].nunique() == 2
    assert customer(second, "record", "crm:2") == customer(first, "record", "crm:1")


def test_a_rebuild_and_a_second_run_change_nothing() -> None:
    market = _random_market(3, persons=40)
    first = market.resolve()
    again = market.resolve(first.clusters)
    pd.testing.assert_frame_equal(again.clusters, first.clusters)
    assert again.events.empty
    assert again.figures["nodes_moved"] == 0


def test_values_without_a_node_are_refused() -> None:
    identifiers, records, links, nodes = Market().record("crm:1", email=mail(1)).frames()
    with pytest.raises(ValueError, match="normalise it first"):
        resolve(identifiers, records, links, nodes.iloc[:0], NOBODY, {}, RULES)
    with pytest.raises(ValueError, match="not among the identifiers"):
        resolve(identifiers.iloc[:0], records, links, nodes.iloc[:0], NOBODY, {}, RULES)


def test_nothing_in_nothing_out() -> None:
    found = Market().resolve()
    assert found.clusters.empty
    assert found.edges.empty
    assert found.events.empty
    assert found.figures["customers"] == 0


def test_dates_may_be_unknown() -> None:
    identifiers, records, links, nodes = Market().record("crm:1", email=mail(1)).record("crm:2").frames()
    blank = records.assign(first_seen_at=pd.NaT, last_seen_at=pd.NaT)
    found = resolve(identifiers.assign(first_seen_at=pd.NaT), blank, links, nodes, NOBODY, {}, RULES)
    assert found.clusters["customer_id"].nunique() == 2


def _random_market(seed: int, persons: int) -> Market:
    random = np.random.default_rng(seed)
    market = Market()
    for number in range(persons * 2):
        person = int(random.integers(persons))
        carried = {"email": mail(person)} if random.random() < 0.7 else {"phone": f"06123{person:05d}"}
        if random.random() < 0.4:
            carried = {"email": mail(person), "phone": f"06123{int(random.integers(persons)):05d}"}
        market.record(f"crm:{number}", day=int(random.integers(30)), **carried)
        if random.random() < 0.5 and "email" in carried:
            market.link(("email", carried["email"]), ("cookie_id", f"cookie-{int(random.integers(persons))}"))
    return market


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_ids_do_not_depend_on_the_order_of_rows(seed: int, order: int) -> None:
    market = _random_market(seed, persons=15)
    straight, shuffled = market.resolve(), market.resolve(order=order)
    pd.testing.assert_frame_equal(straight.clusters, shuffled.clusters)
    pd.testing.assert_frame_equal(straight.edges, shuffled.edges)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25))
def test_day_by_day_gives_the_partition_of_a_rebuild(seed: int, cut: int) -> None:
    whole = _random_market(seed, persons=15)
    part = Market(
        dict(whole.values), whole.record_rows[:cut], [row for row in whole.link_rows if row[5] == 0][: cut // 2]
    )
    stepwise = whole.resolve(part.resolve().clusters)
    rebuilt = whole.resolve()
    pairs = stepwise.clusters.merge(rebuilt.clusters, on=["node_type", "node_hash"])
    renaming = pairs.groupby("customer_id_x")["customer_id_y"].nunique()
    assert len(pairs) == len(rebuilt.clusters)
    assert (renaming == 1).all()
    assert pairs["customer_id_x"].nunique() == pairs["customer_id_y"].nunique()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_accepted_edges_lie_inside_customers_and_ids_are_unique(seed: int) -> None:
    found = _random_market(seed, persons=15).resolve()
    ids = found.clusters.set_index(["node_type", "node_hash"])["customer_id"]
    for edge in found.edges.query("status == 'accepted'").itertuples():
        assert ids[edge.left_type, edge.left_node] == ids[edge.right_type, edge.right_node]
    assert not found.clusters.duplicated(["node_type", "node_hash"]).any()


def test_a_chain_of_a_hundred_thousand_nodes_does_not_stop_the_run() -> None:
    count = 100_000
    names = [f"cookie-{number}" for number in range(count)]
    identifiers = pd.DataFrame({"identifier_type": "cookie_id", "value_hash": names, "first_seen_at": DAY})
    links: dict[str, Any] = {
        "left_type": "cookie_id", "left_value_hash": names[:-1], "right_type": "cookie_id",
        "right_value_hash": names[1:], "rule": "identity_link", "evidence": 1, "first_seen_at": DAY, "last_seen_at": DAY,
    }  # fmt: skip
    nodes = identifiers[["identifier_type", "value_hash"]].assign(node_hash=names, is_usable=True, reason=None)
    records = Market().frames()[1]
    found = resolve(identifiers, records, pd.DataFrame(links), nodes, NOBODY, {}, RULES)
    assert found.clusters["customer_id"].nunique() == 1
    assert not found.clusters["is_known"].any()
