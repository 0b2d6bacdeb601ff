"""The bars of the best moment: how often customers answer at the hour chosen for them, on markets whose truth is known.

The reference market is the design's: persons of the simulator without difference in engagement, one channel, so many
past sends at hours drawn evenly from those the simulator mails in (7 to 20 h). Its two unknowns, how much better the
best hour is and how often people answer at all, are set on seed 1 so that Tuesday 10 h brings .215 and everybody's own
best hour .346; what the other methods then bring is a check that this is the design's market.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd

from millibar.moments.choose import fit_moments
from millibar.moments.evidence import HOURS, Floats, Places, hour_gaps, summed
from millibar.moments.parameters import MomentParameters
from millibar.simulation.draws import Draws
from millibar.simulation.parameters import MarketParameters
from millibar.simulation.persons import populate
from millibar.simulation.responses import hour_fit
from millibar.simulation.world import World

SENDS_HOURS = (7, 20)  # first and last local hour
HOUR_GAIN, BASE = 1.263, 0.2004  # set on seed 1 to the two reference points below
TUESDAY, TUESDAY_HOUR = 1, 10
REFERENCE = {"tuesday": 0.215, "best_hour": 0.232, "raw": 0.242, "formula": 0.262, "oracle": 0.346}
LEAST = {20: 0.262, 50: 0.281}  # bars, by past sends
FORMULA_PRIOR, FORMULA_KERNEL = 3.0, 1.5  # M, and sigma in hours, of the design's formula


@dataclass(frozen=True)
class MomentBars:
    """Mean true response on one market with ``sends`` past sends a customer, of the hour each method chooses.

    ``chosen``: this package's; ``expected``: what it said it would bring. ``tuesday``, ``best_hour``: one hour for all;
    ``raw``: the hour with the highest share of answers so far; ``formula``: the design's; ``oracle``: the truth.
    """

    seed: int
    sends: int
    tuesday: float
    best_hour: float
    raw: float
    formula: float
    chosen: float
    expected: float
    oracle: float

    @property
    def is_met(self) -> bool:
        return self.sends not in LEAST or self.chosen >= LEAST[self.sends]


def measure_moments(
    seed: int, customers: int = 20_000, sends: int = 20, parameters: MomentParameters | None = None
) -> MomentBars:
    """Play ``sends`` past sends to each of ``customers`` persons and choose their hours from the answers."""
    chance, hours = reference_chances(seed, customers)
    draws = np.random.default_rng([seed, sends])
    sent = draws.integers(0, len(hours), (customers, sends))
    answered = draws.random(sent.shape) < np.take_along_axis(chance, sent, axis=1)
    frame = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(customers), sends),
            "channel": "email",
            "weekday": TUESDAY,
            "hour": hours[sent.ravel()],
            "exposures": 1,
            "responses": answered.ravel().astype(np.int64),
        }
    )
    allowed = np.zeros((7, HOURS), dtype=bool)
    allowed[:, hours] = True
    rows = fit_moments(frame, None, {"email": allowed}, parameters).customers
    chosen = rows["hour"].to_numpy(dtype=np.int64)[np.argsort(rows["customer_id"].to_numpy(dtype=np.int64))] - hours[0]
    cell = (np.arange(customers)[:, None] * len(hours) + sent).ravel()
    exposures = summed(cell, np.ones(len(cell)), chance.size).reshape(chance.shape)
    responses = summed(cell, answered.ravel().astype(np.float64), chance.size).reshape(chance.shape)
    return MomentBars(
        seed,
        sends,
        float(chance[:, TUESDAY_HOUR - hours[0]].mean()),
        float(chance.mean(axis=0).max()),
        _mean_at(chance, raw_hours(exposures, responses)),
        _mean_at(chance, formula_hours(exposures, responses, hours)),
        _mean_at(chance, chosen),
        float(rows["expected_response"].mean()),
        float(chance.max(axis=1).mean()),
    )


def reference_chances(
    seed: int, customers: int, hour_gain: float = HOUR_GAIN, base: float = BASE
) -> tuple[Floats, Places]:
    """Chance that each person answers at each hour, shape (customers, hours), and these hours."""
    market = MarketParameters(customers=customers, seed=seed)
    market = replace(market, people=replace(market.people, hour_gain=hour_gain, visitors=0.0))
    persons = populate(market, Draws(seed))
    world = cast(World, SimpleNamespace(parameters=market, persons=persons))
    hours, everybody = np.arange(SENDS_HOURS[0], SENDS_HOURS[1] + 1), np.arange(customers)
    fits = [hour_fit(world, everybody, np.full(customers, (hour + 0.5) * 3600), False) for hour in hours]
    return base * np.stack(fits, axis=1), hours


def raw_hours(exposures: Floats, responses: Floats, seed: int = 0) -> Places:
    """Hour with the highest share of answers of each customer; of equals any, drawn evenly."""
    share = np.where(exposures > 0, responses / np.maximum(exposures, 1), -1.0)
    ties = 1e-9 * np.random.default_rng(seed).random(share.shape)
    return np.asarray((share + ties).argmax(axis=1))


def formula_hours(exposures: Floats, responses: Floats, hours: Places) -> Places:
    """argmax over hours of g(h) (K + .25 M) / (E + .25 M), with K and E smoothed around the clock."""
    kernel = np.exp(-(hour_gaps(hours.astype(np.float64) + 0.5)[:, hours] ** 2) / (2 * FORMULA_KERNEL**2))
    curve = responses.sum(axis=0) / exposures.sum(axis=0)
    prior = 0.25 * FORMULA_PRIOR
    return np.asarray((curve * (responses @ kernel + prior) / (exposures @ kernel + prior)).argmax(axis=1))


def _mean_at(chance: Floats, places: Places) -> float:
    return float(chance[np.arange(len(chance)), places].mean())


def lines(measured: list[MomentBars]) -> Iterator[str]:
    """The report: a row a market and number of sends, then the means with the bar."""
    names = ("tuesday", "best_hour", "raw", "formula", "chosen", "expected", "oracle")
    yield f"{'seed':>6}{'sends':>7}" + "".join(f"{name:>11}" for name in names)
    for bars in measured:
        yield f"{bars.seed:>6}{bars.sends:>7}" + "".join(f"{getattr(bars, name):>11.4f}" for name in names)
    for sends in sorted({bars.sends for bars in measured}):
        of_these = [bars for bars in measured if bars.sends == sends]
        means = {name: float(np.mean([getattr(bars, name) for bars in of_these])) for name in names}
        told = "".join(f"{means[name]:>11.4f}" for name in names)
        bar = LEAST.get(sends)
        verdict = "" if bar is None else f"  bar {bar:g} {'met' if means['chosen'] >= bar else 'NOT met'}"
        yield f"{'mean':>6}{sends:>7}{told}{verdict}"
    yield f"{'design':>13}" + "".join(f"{REFERENCE[name]:>11.4f}" if name in REFERENCE else " " * 11 for name in names)
