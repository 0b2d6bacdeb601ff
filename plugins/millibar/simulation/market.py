"""The simulated market as a whole: plays it once, writes the feeds and the truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from millibar.simulation.contact_book import ContactBook
from millibar.simulation.delivery import Counts, Outbox, Tool
from millibar.simulation.effects import Effects, measure
from millibar.simulation.engine import Day, play
from millibar.simulation.identities import identify
from millibar.simulation.ledger import Events, join
from millibar.simulation.order_feeds import ESHOP, LOGINS, RETURNS, TILLS, OrderFeeds
from millibar.simulation.parameters import MarketParameters
from millibar.simulation.records import keep_records
from millibar.simulation.reference_feeds import (
    CAMPAIGNS,
    CONSENTS,
    CRM_TOOLS,
    EXPERIMENTS,
    SPEND,
    STAFFING,
    THEMES,
    ReferenceFeeds,
)
from millibar.simulation.touchpoint_feeds import TOOL_CHANNELS, WEB, TouchpointFeeds
from millibar.simulation.truth import Truth
from millibar.simulation.world import State, build_world

Progress = Callable[[str, int, int], None]  # (what, done, of)

TOOLS: tuple[Tool, ...] = (
    *CRM_TOOLS.values(),
    LOGINS,
    *TOOL_CHANNELS,
    ESHOP,
    TILLS,
    RETURNS,
    CONSENTS,
    CAMPAIGNS,
    SPEND,
    THEMES,
    EXPERIMENTS,
    STAFFING,
)


@dataclass(frozen=True)
class SimulationReport:
    """What was written: per source its counts, and the totals of the market."""

    counts: dict[str, Counts]
    files: int
    rows: int
    touchpoints: int
    orders: int
    revenue: float  # EUR

    def rows_by_feed(self) -> dict[str, int]:
        """Rows written, by feed."""
        feeds: dict[str, int] = {}
        for tool in TOOLS:
            feeds[tool.feed] = feeds.get(tool.feed, 0) + self.counts[tool.name].rows
        return feeds


class Market:
    """A market that can be played once into a landing folder and a truth folder."""

    def __init__(self, parameters: MarketParameters) -> None:
        self.parameters = parameters
        self.world = build_world(parameters)
        world = self.world
        identities = identify(parameters, world.draws, world.persons)
        records = keep_records(parameters, world.draws, world.clock, world.persons, identities)
        self.book = ContactBook(parameters, world.draws, world.persons, identities, records)

    def write(self, landing: Path, truth: Path, progress: Progress | None = None) -> SimulationReport:
        """Play every day, write its files, then measure the channels' effects and write the truth."""
        world, parameters = self.world, self.parameters
        outbox = Outbox(landing, world.clock, world.draws, parameters.noise, parameters.days)
        keeper = Truth(world, self.book, truth)
        feeds = _Feeds(self, outbox, keeper)
        state = State.fresh(world.persons)
        for day in play(world):
            feeds.take(day)
            keeper.day(day)
            for tool in TOOLS:
                outbox.deliver(tool, day.number)
            state = day.state
            if progress is not None:
                progress("days", day.number + 1, parameters.days)
        outbox.close()
        effects = self.effects()
        if progress is not None:
            progress("channel effects", 1, 1)
        counts = {tool.name: outbox.counts[tool.name] for tool in TOOLS}
        keeper.close(state, effects, counts, {tool.name: tool.feed for tool in TOOLS})
        return SimulationReport(
            counts=counts,
            files=sum(count.files for count in counts.values()),
            rows=sum(count.rows for count in counts.values()),
            touchpoints=int(keeper.totals["touchpoints"]),
            orders=int(keeper.totals["orders"]),
            revenue=round(float(keeper.totals["revenue"]), 2),
        )

    def effects(self) -> Effects | None:
        """Causal effect of every channel, ``None`` when the parameters do not ask for it."""
        size = self.parameters.effect_sample
        return measure(self.world, size) if size else None


class _Feeds:
    """Hands a day to every tool."""

    def __init__(self, market: Market, outbox: Outbox, keeper: Truth) -> None:
        self._outbox, self._keeper = outbox, keeper
        self._touchpoints = TouchpointFeeds(market.world, market.book)
        self._orders = OrderFeeds(market.world, market.book)
        self._reference = ReferenceFeeds(market.world, market.book, market.book.records)
        self._clock = market.world.clock
        self._ahead: dict[int, list[Events]] = {}  # a mail of the evening is opened tomorrow

    def _until_midnight(self, day: Day) -> Events:
        """Events that happen on the day; those of later days wait for theirs."""
        happens_on = self._clock.day_of(day.events.at)
        for later in np.unique(happens_on[happens_on > day.number]).tolist():
            self._ahead.setdefault(later, []).append(day.events.take(happens_on == later))
        return join([day.events.take(happens_on <= day.number), *self._ahead.pop(day.number, [])])

    def take(self, day: Day) -> None:
        """Every tool's rows of the day."""
        number, outbox = day.number, self._outbox
        happened = self._until_midnight(day)
        for tool in TOOL_CHANNELS:
            seen = self._touchpoints.of_tool(tool, number, happened)
            table, keys = self._touchpoints.table(tool, number, seen)
            outbox.hand_over(tool, number, table)
            self._keeper.touchpoints(tool.name, keys, seen)
            if tool is WEB:
                outbox.hand_over(LOGINS, number, self._orders.links(number, happened, table["account"], seen))
        ids = self._orders.order_ids(number, day.orders)
        self._keeper.orders(ids, day.orders)
        outbox.hand_over(ESHOP, number, self._orders.eshop(number, day.orders, ids))
        outbox.hand_over(TILLS, number, self._orders.tills(number, day.orders, ids))
        self._orders.plan_returns(number, day.orders, ids)
        outbox.hand_over(RETURNS, number, self._orders.returns(number))
        reference = self._reference
        for crm, tool in CRM_TOOLS.items():
            outbox.hand_over(tool, number, reference.customers(crm, number))
        outbox.hand_over(CONSENTS, number, reference.consents(number, day.state.left_channel))
        outbox.hand_over(CAMPAIGNS, number, reference.campaigns(number))
        outbox.hand_over(SPEND, number, reference.spend(number, happened))
        outbox.hand_over(THEMES, number, reference.theme_plans(number))
        outbox.hand_over(EXPERIMENTS, number, reference.experiments(number))
        outbox.hand_over(STAFFING, number, reference.staffing(number))


def simulate(
    parameters: MarketParameters, landing: Path, truth: Path, progress: Progress | None = None
) -> SimulationReport:
    """Write a market's feeds below ``landing`` (a folder a day) and its truth into ``truth``.

    What an earlier simulation left in both folders is removed first. ``progress`` is called after every day with
    what is done, how far, and of how much. The same parameters give the same bytes.
    """
    for folder in (landing, truth):
        if folder.resolve() == Path(folder.resolve().anchor):
            raise ValueError(f"{folder} is the root of a disk; give a folder of its own")
    _clear(landing)
    _clear(truth)
    return Market(parameters).write(landing, truth, progress)


def _clear(folder: Path) -> None:
    """Remove what a simulation writes: day folders, Parquet files and the summary; leave anything else alone."""
    if not folder.exists():
        return
    for entry in folder.iterdir():
        if entry.is_dir() and len(entry.name) == 10 and entry.name[4] == entry.name[7] == "-":
            shutil.rmtree(entry)
        elif entry.suffix == ".parquet" or entry.name == "summary.json":
            entry.unlink()
