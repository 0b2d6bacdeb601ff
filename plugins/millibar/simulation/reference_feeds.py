"""The slow feeds: CRM records, consents, campaigns, spend, theme plans, experiments, staffing."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from millibar.simulation.campaigns import theme_promises
from millibar.simulation.contact_book import ContactBook
from millibar.simulation.delivery import WEEKLY, Tool
from millibar.simulation.draws import Array
from millibar.simulation.experiments import TREATED, UNASSIGNED
from millibar.simulation.formats import french_time, iso, plain_time, table_of
from millibar.simulation.identities import missing
from millibar.simulation.ledger import OUT, Events
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.records import CARE, ECOMMERCE, SHOP, Records
from millibar.simulation.vocabulary import TEAMS
from millibar.simulation.world import World
from millibar.sources.contracts import CHANNELS

CRM_TOOLS = {
    SHOP: Tool("crm_shop", "customers", "clients_magasin.csv", "french", WEEKLY, "NUM_FICHE", "MAJ_LE"),
    ECOMMERCE: Tool("crm_ecommerce", "customers", "accounts.jsonl", "jsonl", WEEKLY, "account_id", "updated_at"),
    CARE: Tool("crm_callcenter", "customers", "callers.tsv", "tabs", WEEKLY, "file_no", "changed"),
}
CONSENTS = Tool("consents", "consents", "consents.csv", "comma", WEEKLY, "", "changed_at", "granted")
CAMPAIGNS = Tool("campaign_plan", "campaigns", "campaigns.csv", "comma", noisy=False)
SPEND = Tool("media_spend", "spend", "media_spend.csv", "french", WEEKLY, noisy=False)
THEMES = Tool("theme_plan", "theme_plans", "theme_plan.csv", "comma", noisy=False)
EXPERIMENTS = Tool("experiments", "experiments", "experiment_arms.csv.gz", "comma", noisy=False)
STAFFING = Tool("staffing", "staffing", "staffing.tsv", "tabs", noisy=False)

_HIDDEN_DISPLAY = 4.0  # impressions bought for each one that a known cookie saw
_HEADCOUNT = {"crm": 6, "digital": 9, "brand": 5, "retail": 14, "service": 22}
_LEAVING = {"crm": 0.010, "digital": 0.015, "brand": 0.008, "retail": 0.02, "service": 0.03}  # a month
_ASKED_FOR = ("email", "sms", "direct_mail", "call_center", "push_app", "messenger")


class ReferenceFeeds:
    """Tables of the slow feeds by day; an empty table where a tool has nothing new."""

    def __init__(self, world: World, book: ContactBook, records: Records) -> None:
        self._world = world
        self._book = book
        days = np.maximum(records.frame["day"].to_numpy(), 0)
        bounds = np.searchsorted(days, np.arange(world.parameters.days + 1))
        self._records, self._bounds = records.frame, bounds
        entry = np.maximum(world.persons.entry_day, 0)
        self._entries = np.where(world.persons.is_known, entry, -1)
        self._promises = theme_promises(world.draws, world.clock, world.parameters.days)

    def customers(self, crm: int, day: int) -> pa.Table:
        """Records that were written or changed on the day (on day 0: all that were there)."""
        frame = self._records.iloc[self._bounds[day] : self._bounds[day + 1]]
        frame = frame[(frame["crm"] == crm).to_numpy()]
        columns = {SHOP: self._shop, ECOMMERCE: self._ecommerce, CARE: self._care}[crm](frame)
        return table_of(columns)

    def _shop(self, frame: pd.DataFrame) -> dict[str, Any]:
        birth = [f"{b[8:]}/{b[5:7]}/{b[:4]}" if isinstance(b, str) else None for b in frame["birth_date"]]
        return {
            "NUM_FICHE": "M" + frame["number"].str[1:],
            "NUM_CARTE": frame["number"],
            "PRENOM": frame["first_name"],
            "NOM": frame["last_name"],
            "NE_LE": birth,
            "TEL": frame["phone"],
            "MEL": frame["email"],
            "ADRESSE": frame["street"],
            "CP": frame["postal_code"],
            "VILLE": frame["city"],
            "CLE_ADRESSE": frame["postal_key"],
            "CANAL_PREFERE": frame["stated_channel"],
            "ORIGINE": frame["acquisition_channel"],
            "MAJ_LE": french_time(self._world.clock.local(frame["updated_at"].to_numpy())),
        }

    def _ecommerce(self, frame: pd.DataFrame) -> dict[str, Any]:
        hour = [str(h) if h >= 0 else None for h in frame["stated_hour"]]
        return {
            "account_id": frame["number"],
            "firstName": frame["first_name"],
            "lastName": frame["last_name"],
            "birthday": frame["birth_date"],
            "email": frame["email"],
            "mobile": frame["phone"],
            "address": frame["street"],
            "zip": frame["postal_code"],
            "city": frame["city"],
            "country": ["FR"] * len(frame),
            "preferred_channel": frame["stated_channel"],
            "preferred_hour": hour,
            "source": frame["acquisition_channel"],
            "updated_at": iso(frame["updated_at"].to_numpy()),
        }

    def _care(self, frame: pd.DataFrame) -> dict[str, Any]:
        return {
            "file_no": frame["number"],
            "name": [f"{last} {first}" for first, last in zip(frame["first_name"], frame["last_name"], strict=True)],
            "first": frame["first_name"],
            "last": frame["last_name"],
            "phone": frame["phone"],
            "mail": frame["email"],
            "postcode": frame["postal_code"],
            "town": frame["city"],
            "best_channel": frame["stated_channel"],
            "changed": plain_time(frame["updated_at"].to_numpy()),
        }

    def consents(self, day: int, left: list[tuple[Array, int]]) -> pa.Table:
        """What each new customer agreed to, and the day's unsubscribes and returns to the list."""
        world = self._world
        parts: list[tuple[Array, Array, str, Array]] = []
        new = np.flatnonzero(self._entries == day)
        for channel in _ASKED_FOR:
            granted = world.persons.reachable[CHANNEL_NUMBER[channel], new]
            second = (9 + 10 * world.draws.uniform("consent_second", world.persons.key[new])) * 3600
            at = world.clock.utc(np.minimum(world.persons.entry_day[new], day), second)
            parts.append((new, at, channel, granted))
        for person, number in left:
            channel = CHANNELS[number if number >= 0 else -1 - number]
            if channel not in _ASKED_FOR:
                continue  # nobody asks for consent there, so no tool keeps it
            person = person[world.persons.is_known[person]]
            second = (20 + 3 * world.draws.uniform("left_second", world.persons.key[person], day)) * 3600
            parts.append((person, world.clock.utc(day, second), channel, np.full(len(person), number < 0)))
        rows = [self._consent_rows(*part) for part in parts if len(part[0])]
        empty: dict[str, Any] = {
            name: [] for name in ("changed_at", "channel", "granted", "email", "phone", "device", "address_key")
        }
        return pa.concat_tables([table_of(r) for r in [empty, *rows]])

    def _consent_rows(self, person: Array, at: Array, channel: str, granted: Array) -> dict[str, Any]:
        identities = self._book.identities
        nothing = np.full(len(person), None, object)
        columns = {"email": nothing, "phone": nothing, "device": nothing, "address_key": nothing}
        name, values = {
            "email": ("email", identities.email),
            "push_app": ("device", identities.device_id),
            "direct_mail": ("address_key", identities.postal_key),
        }.get(channel, ("phone", self._book.phone))
        columns[name] = values[person]
        there = ~missing(columns[name])
        written = {
            "changed_at": iso(at),
            "channel": np.full(len(person), channel, object),
            "granted": np.where(granted, "oui", "non").astype(object),
        } | columns
        return {column: content[there] for column, content in written.items()}

    def campaigns(self, day: int) -> pa.Table:
        """The plan as delivered on the first day and on the first of each month, for what starts until the next."""
        clock = self._world.clock
        today = clock.date(day)
        due = day == 0 or today.day == 1
        next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        until = day + (next_month - today).days
        known = [c for c in self._world.calendar.campaigns if due and (day <= c.starts_on < until)]
        columns = {
            "code": [c.campaign_id for c in known],
            "title": [c.name for c in known],
            "team": [c.team for c in known],
            "theme": [c.theme for c in known],
            "starts": [clock.date(c.starts_on).isoformat() for c in known],
            "ends": [clock.date(c.ends_on).isoformat() for c in known],
            "effort_days": [str(c.effort_days) for c in known],
            "budget": [f"{c.planned_cost:.2f}" for c in known],
            "targeting": [c.targeting for c in known],
            "content": [c.content for c in known],
        }
        return table_of(columns)

    def spend(self, day: int, happened: Events) -> pa.Table:
        """Cost of the day by channel and campaign: contacts (clicks for paid search) at the channel's price."""
        world = self._world
        paid = happened.channel == CHANNEL_NUMBER["search_paid"]
        made = (happened.direction == OUT) | (paid & (happened.campaign >= 0))
        pairs, counts = np.unique(
            np.stack([happened.channel[made], happened.campaign[made]], axis=1), axis=0, return_counts=True
        )
        answers = happened.take(~made)
        rows: dict[str, list[str | None]] = defaultdict(list)
        for (channel, campaign), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            name = CHANNELS[channel]
            bought = int(count * (_HIDDEN_DISPLAY if name == "programmatic" else 1))
            price = world.parameters.channels[name].unit_cost
            wobble = float(world.draws.uniform("price", np.array([channel]), day)[0])
            clicks = (answers.channel == channel) & (answers.campaign == campaign) & ~answers.is_machine
            clicked = count if name == "search_paid" else int(clicks.sum())
            rows["JOUR"].append(world.clock.date(day).strftime("%d/%m/%Y"))
            rows["CANAL"].append(name)
            rows["CAMPAGNE"].append(world.calendar.campaigns[campaign].campaign_id if campaign >= 0 else None)
            rows["COUT"].append(f"{bought * price * (0.85 + 0.3 * wobble):.2f}".replace(".", ","))
            rows["DEVISE"].append("EUR")
            rows["IMPRESSIONS"].append(str(max(bought, clicked)))  # some answer to what they saw days ago
            rows["CLICS"].append(str(clicked))
        return table_of(rows)

    def theme_plans(self, day: int) -> pa.Table:
        """The quarter's promises, delivered on its first day."""
        rows = [promise for promise in self._promises if promise[4] == day]
        columns = {
            "quarter": [row[0] for row in rows],
            "channel": [row[1] for row in rows],
            "theme": [row[2] for row in rows],
            "share": [f"{row[3]:.3f}" for row in rows],
        }
        return table_of(columns)

    def experiments(self, day: int) -> pa.Table:
        """Arms of the experiments that start today."""
        world, tables = self._world, []
        for experiment in world.experiments.all:
            if experiment.first_day != day:
                continue
            person = np.flatnonzero(experiment.arm != UNASSIGNED)
            account, card = self._book.any_number(person, day)
            size = len(person)
            channel = CHANNELS[experiment.channel] if experiment.channel >= 0 else None
            ends = world.clock.utc(experiment.last_day + 1, np.zeros(1))
            columns = {
                "experiment": np.full(size, experiment.name, object),
                "assigned_at": iso(np.full(size, int(world.clock.utc(day, np.zeros(1))[0]))),
                "arm": np.where(experiment.arm[person] == TREATED, "treated", "holdout").astype(object),
                "channel": np.full(size, channel, object),
                "ends_at": iso(np.full(size, int(ends[0]))),
                "customer_no": account,
                "card": card,
            }
            tables.append(table_of(columns))
        return pa.concat_tables(tables) if tables else pa.table({})

    def staffing(self, day: int) -> pa.Table:
        """Heads and leavers of the month before, delivered on the first day and on the first of each month."""
        today = self._world.clock.date(day)
        if day and today.day != 1:
            return pa.table({})
        month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
        leavers = [self._leavers(team, month) for team in TEAMS]
        columns = {
            "month": [month.isoformat()] * len(TEAMS),
            "team": list(TEAMS),
            "headcount": [str(_HEADCOUNT[team]) for team in TEAMS],
            "leavers": [str(number) for number in leavers],
        }
        return table_of(columns)

    def _leavers(self, team: str, month: date) -> int:
        """Leavers of a month; a turnover strikes the months whose middle lies in its days."""
        world = self._world
        rng = world.draws.generator("leavers", TEAMS.index(team), month.year, month.month)
        middle = (month.replace(day=15) - world.clock.start).days
        strain = 1.0
        for turnover in world.incidents.of_kind("team_turnover"):
            if turnover.team in ("", team) and turnover.first_day <= middle <= turnover.last_day:
                strain *= turnover.factor
        return int(rng.binomial(_HEADCOUNT[team], min(0.9, _LEAVING[team] * strain)))
