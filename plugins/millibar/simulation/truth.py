"""Keeps what is true of the market, in a folder the pipeline never reads."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from millibar.simulation.contact_book import ContactBook
from millibar.simulation.delivery import Counts
from millibar.simulation.draws import Array
from millibar.simulation.effects import Effects
from millibar.simulation.engine import Day
from millibar.simulation.identities import missing, only
from millibar.simulation.ledger import Events, Orders
from millibar.simulation.order_feeds import cookie_owners
from millibar.simulation.parameters import SEGMENTS
from millibar.simulation.persons import NEVER
from millibar.simulation.records import CRM_NAMES, ECOMMERCE
from millibar.simulation.world import State, World
from millibar.sources.contracts import CHANNELS

_ROWS_A_GROUP = 200_000
STATES = ("under", "balanced", "over")


class _Stream:
    """A Parquet file that grows; rows are written in groups so that memory stays small."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pa.parquet.ParquetWriter | None = None
        self._parts: list[pa.Table] = []
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        self._parts.append(table)
        self._rows += table.num_rows
        if self._rows >= _ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._parts:
            return
        table = pa.concat_tables(self._parts)
        if self._writer is None:
            self._writer = pa.parquet.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)
        self._parts, self._rows = [], 0

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()


class Truth:
    """Collects the truth while the market runs and writes it at the end."""

    def __init__(self, world: World, book: ContactBook, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._world, self._book, self._folder = world, book, folder
        self._touchpoints = _Stream(folder / "touchpoints.parquet")
        self._orders = _Stream(folder / "orders.parquet")
        self._states = _Stream(folder / "states.parquet")
        size = len(world.persons)
        self._month_mean = np.zeros(size)  # exponential mean of the index over about 28 days
        self.totals = {"orders": 0, "revenue": 0.0, "touchpoints": 0, "machine_touchpoints": 0}

    def touchpoints(self, source: str, keys: Array, happened: Events) -> None:
        """Who is behind each touchpoint, and whether a machine made it."""
        self.totals["touchpoints"] += len(happened)
        self.totals["machine_touchpoints"] += int(happened.is_machine.sum())
        self._touchpoints.add(
            pa.table(
                {
                    "source": pa.array([source] * len(happened), pa.string()),
                    "touchpoint_id": pa.array(keys, pa.string()),
                    "person_id": happened.person,
                    "is_machine": happened.is_machine,
                }
            )
        )

    def orders(self, ids: Array, orders: Orders) -> None:
        """Who made each order."""
        self.totals["orders"] += len(orders)
        self.totals["revenue"] += float(orders.amount.sum())
        self._orders.add(
            pa.table({"order_id": pa.array(ids, pa.string()), "person_id": orders.person, "amount": orders.amount})
        )

    def day(self, day: Day) -> None:
        """Follow the pressure; once a week write every customer's state."""
        index = day.state.pressure.sum(axis=0)
        self._month_mean += (index - self._month_mean) / 28.0
        if day.number % 7 != 6:
            return
        world = self._world
        there = np.flatnonzero(world.persons.is_known & (world.persons.entry_day <= day.number))
        tolerance = world.persons.tolerance[there]
        ratio = self._month_mean[there] / tolerance
        under = world.parameters.behaviour.under_ratio
        state = np.where(ratio > 1, 2, np.where(ratio < under, 0, 1)).astype(np.int8)
        names = pa.DictionaryArray.from_arrays(pa.array(state), pa.array(STATES))
        self._states.add(
            pa.table(
                {
                    "as_of": pa.array([world.clock.date(day.number)] * len(there)),
                    "person_id": there,
                    "pressure_index": index[there].astype(np.float32),
                    "pressure_index_28d": self._month_mean[there].astype(np.float32),
                    "ratio": ratio.astype(np.float32),
                    "state": names,
                    "is_alive": day.state.death_day[there] > day.number,
                    "open_channels": day.state.open_to[:, there].sum(axis=0).astype(np.int8),
                }
            )
        )

    def close(self, state: State, effects: Effects | None, counts: dict[str, Counts], names: dict[str, str]) -> None:
        """Write persons, records, identifiers, incidents, experiments, effects and the summary."""
        for stream in (self._touchpoints, self._orders, self._states):
            stream.close()
        self._write("persons", self._persons(state))
        self._write("tastes", self._tastes())
        self._write("records", self._records())
        self._write("identifiers", self._identifiers())
        self._write("incidents", self._incidents())
        if effects is not None:
            months = [self._world.clock.date(d).strftime("%Y-%m") for d in range(self._world.parameters.days)]
            self._write("channel_effects", effects.table())
            self._write("channel_effects_monthly", effects.monthly(months))
        (self._folder / "summary.json").write_text(json.dumps(self._summary(counts, names, effects), indent=2))

    def _write(self, name: str, table: pa.Table) -> None:
        pa.parquet.write_table(table, self._folder / f"{name}.parquet", compression="zstd")

    def _dates(self, days: Array) -> pa.Array:
        """Dates of market days; null where the day never comes."""
        start = np.datetime64(self._world.clock.start)
        dates = start + np.minimum(days, NEVER).astype("timedelta64[D]")
        return pa.array(dates, mask=np.asarray(days >= self._world.parameters.days))

    def _persons(self, state: State) -> pa.Table:
        persons, world = self._world.persons, self._world
        shifted = np.where(persons.shift_day < state.death_day, persons.shift_day, NEVER)
        target = np.array([*CHANNELS, None], object)[persons.shift_to]
        return pa.table(
            {
                "person_id": persons.key.astype(np.int64),
                "is_known": persons.is_known,
                "household_id": self._book.identities.household,
                "segment": np.array(SEGMENTS, object)[persons.segment],
                "entry_on": pa.array(np.datetime64(world.clock.start) + persons.entry_day.astype("timedelta64[D]")),
                "churned_on": self._dates(state.death_day),
                "tolerance": persons.tolerance,
                "engagement": persons.engagement,
                "sensitivity": persons.sensitivity,
                "orders_a_year": persons.order_rate * 365,
                "median_basket": persons.basket,
                "best_hour": persons.best_hour,
                "likes_weekends": persons.likes_weekends,
                "has_privacy_proxy": persons.has_proxy,
                "has_mail_scanner": persons.has_scanner,
                "shifted_on": self._dates(shifted),
                "shifted_to": pa.array(only(shifted < world.parameters.days, target), pa.string()),
            }
        )

    def _tastes(self) -> pa.Table:
        """Person x channel: taste and whether the channel was open at entry."""
        persons = self._world.persons
        size = len(persons)
        return pa.table(
            {
                "person_id": np.tile(persons.key.astype(np.int64), len(CHANNELS)),
                "channel": pa.DictionaryArray.from_arrays(
                    pa.array(np.repeat(np.arange(len(CHANNELS), dtype=np.int8), size)), pa.array(CHANNELS)
                ),
                "affinity": persons.affinity.astype(np.float32).ravel(),
                "was_reachable": persons.reachable.ravel(),
            }
        )

    def _records(self) -> pa.Table:
        frame = self._book.records.frame
        frame = frame[(frame["version"] == 0) & (frame["day"] < self._world.parameters.days)]
        numbers = np.where(frame["crm"] == 0, "M" + frame["number"].str[1:], frame["number"]).astype(object)
        return pa.table(
            {
                "source": np.array(CRM_NAMES, object)[frame["crm"].to_numpy()],
                "record_id": pa.array(numbers, pa.string()),
                "person_id": frame["person"].to_numpy(),
                "first_on": pa.array(
                    np.datetime64(self._world.clock.start) + frame["day"].to_numpy().astype("timedelta64[D]")
                ),
            }
        )

    def _identifiers(self) -> pa.Table:
        """Identifier values and the persons who use them (more than one for shared ones)."""
        identities, parts = self._book.identities, []
        everybody = np.arange(len(self._world.persons))
        for kind, values in (
            ("email", identities.email),
            ("phone", identities.mobile),
            ("phone", identities.home_phone),
            ("device_id", identities.device_id),
            ("social_handle", identities.social_handle),
            ("postal_key", identities.postal_key),
        ):
            there = ~missing(values)
            parts.append(self._identifier_rows(kind, values[there], everybody[there]))
        frame = self._book.records.frame
        again = (frame["crm"] == ECOMMERCE) & (frame["copy"] == 1) & (frame["version"] == 0)
        second = frame[again]["person"].to_numpy()
        parts.append(self._identifier_rows("email", identities.second_email[second], second))
        for kind in ("phone", "email"):
            rows = frame[frame["changed"] == kind]
            parts.append(self._identifier_rows(kind, rows[kind].to_numpy(), rows["person"].to_numpy()))
        for kind, chosen in (("loyalty_id", frame["crm"] == 0), ("crm_id", frame["crm"] > 0)):
            rows = frame[chosen & (frame["version"] == 0)]
            parts.append(self._identifier_rows(kind, rows["number"].to_numpy(), rows["person"].to_numpy()))
        cookie, person, first, last = cookie_owners(self._book)
        parts.append(self._identifier_rows("cookie_id", cookie, person, first, last))
        return pa.concat_tables(parts)

    def _identifier_rows(
        self, kind: str, values: Array, person: Array, first: Array | None = None, last: Array | None = None
    ) -> pa.Table:
        """Rows of one type; ``first`` and ``last`` are days, only for cookies, which change hands."""
        never = np.full(len(person), NEVER)
        return pa.table(
            {
                "identifier_type": pa.array([kind] * len(person), pa.string()),
                "value": pa.array(values, pa.string()),
                "person_id": person.astype(np.int64),
                "first_on": self._dates(never if first is None else first),
                "last_on": self._dates(never if last is None else last),
            }
        )

    def _incidents(self) -> pa.Table:
        incidents = self._world.incidents.all
        clock = self._world.clock
        return pa.table(
            {
                "kind": pa.array([i.kind for i in incidents], pa.string()),
                "channel": pa.array([CHANNELS[i.channel] if i.channel >= 0 else None for i in incidents], pa.string()),
                "segment": pa.array([SEGMENTS[i.segment] if i.segment >= 0 else None for i in incidents], pa.string()),
                "team": pa.array([i.team or None for i in incidents], pa.string()),
                "first_on": pa.array([clock.date(i.first_day) for i in incidents], pa.date32()),
                "last_on": pa.array([clock.date(i.last_day) for i in incidents], pa.date32()),
                "factor": pa.array([i.factor for i in incidents], pa.float64()),
                "is_outlier": pa.array([i.is_outlier for i in incidents], pa.bool_()),
            }
        )

    def _summary(self, counts: dict[str, Counts], names: dict[str, str], effects: Effects | None) -> dict[str, Any]:
        parameters = self._world.parameters
        return {
            "customers": parameters.customers,
            "persons": len(self._world.persons),
            "start": parameters.start.isoformat(),
            "days": parameters.days,
            "seed": parameters.seed,
            "records": self._records().num_rows,
            **self.totals,
            "effects_measured_on": 0 if effects is None else len(effects.sample),
            "sources": {name: {"feed": names[name]} | asdict(count) for name, count in sorted(counts.items())},
        }
