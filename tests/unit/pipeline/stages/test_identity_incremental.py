"""Day by day equals from scratch: random days of changes, deletions included, then a rebuild that must change nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import identity
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.identity_feeds import Feeds
from unit.pipeline.stages.stage_inputs import AS_OF, contents

PEOPLE = 9
DAYS = 7
GIVEN = ("Anna", "Paul", "Lea", "Hugo", "Ines")
FAMILY = ("Morel", "Haddad", "Petit")
TABLES = ("edges", "clusters", "periods", "households", "refusals", "review", "quarantine")


class Chance:
    """A small town: few names, mails, phones and cookies, so that everything meets everything."""

    def __init__(self, feeds: Feeds, seed: int) -> None:
        self.feeds, self.chance, self.day = feeds, random.Random(seed), 0
        self.records: list[str] = []
        self.rows: list[str] = []
        self.links: list[tuple[tuple[str, str], tuple[str, str], float]] = []
        for _ in range(12):
            self.record()
            self.row()

    def live_a_day(self) -> None:
        self.day += 3
        for _ in range(self.chance.randrange(4, 12)):
            self.chance.choices(
                (
                    self.record,
                    self.row,
                    self.link,
                    self.without_record,
                    self.without_row,
                    self.without_link,
                    self.decide,
                ),
                (6, 4, 4, 1, 1, 1, 1),
            )[0]()

    def identifiers(self, *kinds: str) -> dict[str, str]:
        number = self.chance.randrange(PEOPLE)
        values = {
            "email": f"p{number}@mail.fr", "phone": f"061234560{number}", "loyalty_id": f"L77{number}",
            "crm_id": f"K55{number}", "cookie_id": f"cookie-{number}", "device_id": f"device-{number % 4}",
            "postal_key": f"{number % 5} rue de la paix 75002",
        }  # fmt: skip
        if self.chance.random() < 0.1:
            values["phone"] = "0142123456"  # a landline
        return {kind: values[kind] for kind in kinds if self.chance.random() < 0.6}

    def record(self) -> None:
        key = f"crm:{self.chance.randrange(14)}"
        person = self.chance.randrange(PEOPLE)
        names = {"first_name": GIVEN[person % 5], "last_name": FAMILY[person % 3], "birth_date": f"198{person}-05-17"}
        carried = self.identifiers("email") | self.identifiers("phone") | self.identifiers("loyalty_id", "postal_key")
        self.feeds.record(key, day=self.day, **(names if self.chance.random() < 0.8 else {}), **carried)
        self.records.append(key)

    def row(self) -> None:
        name = f"t{self.chance.randrange(30)}"
        carried = self.identifiers("email", "cookie_id") | self.identifiers("crm_id", "device_id", "phone")
        self.feeds.row(name, day=self.chance.randrange(self.day + 1), **carried)
        self.rows.append(name)

    def link(self) -> None:
        left = self.identifiers("email", "crm_id", "cookie_id")
        right = self.identifiers("cookie_id", "device_id", "phone", "loyalty_id")
        for pair in zip(left.items(), right.items(), strict=False):
            if pair[0] != pair[1]:
                self.feeds.link(*pair, day=self.chance.randrange(self.day + 1))
                self.links.append((*pair, self.day))

    def without_record(self) -> None:
        if self.records:
            self.feeds.without_record(self.records.pop(self.chance.randrange(len(self.records))))

    def without_row(self) -> None:
        if self.rows:
            self.feeds.without_row(self.rows.pop(self.chance.randrange(len(self.rows))))

    def without_link(self) -> None:
        if self.links:
            self.feeds.without_link(*self.links.pop(self.chance.randrange(len(self.links))))

    def decide(self) -> None:
        """At most one decision stands, so that none contradicts another."""
        self.feeds.warehouse.execute("delete from ops.identity_decisions")
        if len(set(self.records)) > 1:
            left, right = sorted(self.chance.sample(sorted(set(self.records)), 2))
            self.feeds.warehouse.execute(
                "insert into ops.identity_decisions (left_record, right_record, decision, decided_by) "
                "values (%(left)s, %(right)s, %(decision)s, 'test')",
                {"left": left, "right": right, "decision": self.chance.choice(("must_link", "cannot_link"))},
            )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_incremental_equals_full(warehouse: Warehouse, settings: Settings, run: RunContext, seed: int) -> None:
    town = Chance(Feeds(warehouse, settings), seed)
    sizes = []
    for day in range(DAYS):
        town.live_a_day()
        identity.run(warehouse, settings, replace(run, run_id=f"day-{day}", as_of=AS_OF + timedelta(days=day)))
        sizes.append(warehouse.value("select count(*) from scores.identity_clusters where node_type = 'record'"))
    day_by_day = {table: contents(warehouse, f"scores.identity_{table}") for table in TABLES}
    identity.forget(warehouse)
    written = identity.run(warehouse, settings, replace(run, run_id="rebuild", as_of=AS_OF + timedelta(days=DAYS)))
    rebuilt = {table: contents(warehouse, f"scores.identity_{table}") for table in TABLES}
    assert {table: _differences(day_by_day[table], rebuilt[table]) for table in TABLES} == {
        table: [] for table in TABLES
    }
    assert written == 0
    assert max(sizes) > 5
    assert all(day_by_day[table] for table in ("edges", "clusters", "periods"))


def _differences(one: list[dict], other: list[dict]) -> list[dict]:
    return [row for row in one if row not in other] + [row for row in other if row not in one]
