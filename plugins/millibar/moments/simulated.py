"""The best moment on the simulated market as it is: few clicks, a real plan of sends by hour, visits beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from millibar.moments.choose import fit_moments
from millibar.moments.evidence import CELLS, HOURS, WEEKDAYS, WEEKEND, Floats, Places, summed
from millibar.moments.parameters import MomentParameters
from millibar.pressure.bars.market import machine_acts
from millibar.simulation.engine import Day, play
from millibar.simulation.ledger import EVENT_NUMBER, OUT
from millibar.simulation.parameters import CHANNEL_NUMBER, MarketParameters
from millibar.simulation.responses import hour_fit
from millibar.simulation.world import World, build_world
from millibar.sources.contracts import CHANNELS

PLANNED = ("email", "sms", "push_app", "push_web", "messenger", "call_center")  # channels whose hour the brand chooses
VISITED = ("direct", "search_paid", "search_organic", "referral")


@dataclass(frozen=True)
class SimulatedMoments:
    """Mean of how well hour and day suit the person (the simulator's own factor on his answers), over persons and
    channels they were contacted on: at the hour chosen, at the best one for all, at everybody's own best allowed one.

    ``share``: of the way from the best for all to everybody's own; ``learned``: share of the rows with basis learned.
    ``without_visits``: the share of the way when only contacts and answers are read.
    """

    seed: int
    rows: int
    answers_a_row: float
    best_for_all: float
    chosen: float
    oracle: float
    share: float
    learned: float
    without_visits: float


def measure_simulated(
    seed: int, customers: int = 5_000, parameters: MomentParameters | None = None
) -> SimulatedMoments:
    """Play a year and choose for every known person on every channel he was contacted on."""
    world = build_world(MarketParameters(customers=customers, seed=seed, effect_sample=0))
    exposures, visits = counts_of(world)
    rows = fit_moments(exposures, None, {}, parameters, visits).customers
    alone = fit_moments(exposures, None, {}, parameters).customers
    chosen, best, oracle = _fits(world, rows, exposures)
    without, *_ = _fits(world, alone, exposures)
    return SimulatedMoments(
        seed,
        len(rows),
        float(exposures["responses"].sum()) / len(rows),
        best,
        chosen,
        oracle,
        (chosen - best) / (oracle - best),
        float((rows["basis"] == "learned").mean()),
        (without - best) / (oracle - best),
    )


def counts_of(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contacts and answers of known persons by channel, weekday and hour, and the hours of their visits."""
    contacts, visits = [], []
    for day in play(world):
        contacts.append(_contacts(world, day))
        visits.append(_visits(world, day))
    keys = ["customer_id", "channel", "weekday", "hour"]
    counted = pd.concat(contacts).groupby(keys)[["exposures", "responses"]].sum().reset_index()
    came = pd.concat(visits).groupby(["customer_id", "hour"])[["visits"]].sum().reset_index()
    return counted, came


def _contacts(world: World, day: Day) -> pd.DataFrame:
    happened = day.events
    numbers = [CHANNEL_NUMBER[name] for name in PLANNED]
    known = world.persons.is_known[happened.person] & np.isin(happened.channel, numbers) & (happened.message >= 0)
    answer = known & (happened.direction != OUT) & ~machine_acts(happened)
    answer &= np.isin(happened.kind, [EVENT_NUMBER["click"], EVENT_NUMBER["reply"]])
    sent = np.flatnonzero(known & (happened.direction == OUT))
    answered = pd.MultiIndex.from_arrays([happened.person[answer], happened.message[answer]])
    keys = pd.MultiIndex.from_arrays([happened.person[sent], happened.message[sent]])
    return pd.DataFrame(
        {
            "customer_id": happened.person[sent],
            "channel": np.array(CHANNELS, object)[happened.channel[sent]],
            "weekday": world.clock.date(day.number).weekday(),
            "hour": world.clock.second_of_day(happened.at[sent]) // 3600,
            "exposures": 1,
            "responses": keys.isin(answered).astype(np.int64),
        }
    ).drop_duplicates(["customer_id", "channel", "hour"])


def _visits(world: World, day: Day) -> pd.DataFrame:
    happened = day.events
    numbers = [CHANNEL_NUMBER[name] for name in VISITED]
    came = np.isin(happened.channel, numbers) & (happened.kind == EVENT_NUMBER["visit"])
    came &= world.persons.is_known[happened.person]
    hour = world.clock.second_of_day(happened.at[came]) // 3600
    return pd.DataFrame({"customer_id": happened.person[came], "hour": hour, "visits": 1}).drop_duplicates()


def _fits(world: World, rows: pd.DataFrame, exposures: pd.DataFrame) -> tuple[float, float, float]:
    """Mean fit of the chosen cells, of each channel's best cell for all, and of everybody's own, used cells alone."""
    chosen, best, oracle = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
    for name, places in rows.groupby("channel").indices.items():
        used = _used(exposures[exposures["channel"] == name])
        index = rows["customer_id"].to_numpy(dtype=np.int64)[places]
        fits = week_fits(world, index)
        cell = (rows["weekday"].to_numpy(dtype=np.int64) * HOURS + rows["hour"].to_numpy(dtype=np.int64))[places]
        chosen[places] = fits[np.arange(len(index)), cell]
        best[places] = fits[:, used].mean(axis=0).max()
        oracle[places] = fits[:, used].max(axis=1)
    return float(chosen.mean()), float(best.mean()), float(oracle.mean())


def _used(exposures: pd.DataFrame) -> Places:
    """Cells of the week at weekdays and hours the channel is used in."""
    totals = [
        summed(exposures[name].to_numpy(dtype=np.int64), exposures["exposures"].to_numpy(dtype=np.float64), size)
        for name, size in (("weekday", WEEKDAYS), ("hour", HOURS))
    ]
    days, hours = (total > MomentParameters().minimum_share * total.sum() for total in totals)
    return np.flatnonzero((days[:, None] & hours).ravel())


def week_fits(world: World, index: Places) -> Floats:
    """How well the middle of each hour of the week suits each person, shape (m, 168)."""
    fits = np.empty((len(index), CELLS))
    for hour in range(HOURS):
        second = np.full(len(index), (hour + 0.5) * 3600)
        by_part = [hour_fit(world, index, second, is_weekend) for is_weekend in (False, True)]
        for day in range(WEEKDAYS):
            fits[:, day * HOURS + hour] = by_part[day >= WEEKEND]
    return fits


def lines(measured: list[SimulatedMoments]) -> Iterator[str]:
    """The report: a row a figure, a column a market, their mean at the end."""
    yield f"{'':<16}" + "".join(f"{'seed ' + str(bars.seed):>11}" for bars in measured) + f"{'mean':>11}"
    for name in [name for name in asdict(measured[0]) if name != "seed"]:
        values = [float(getattr(bars, name)) for bars in measured]
        yield f"{name:<16}" + "".join(f"{value:>11.3f}" for value in values) + f"{np.mean(values):>11.3f}"
