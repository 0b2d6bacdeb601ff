"""The bars of channel attrition: verdicts on the newsletter against who truly left, or moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from millibar.churn.attrition.blocks import FIRST_DAY
from millibar.churn.attrition.judge import judge_attrition
from millibar.churn.attrition.parameters import AttritionParameters
from millibar.pressure.bars.market import PlayedMarket, play_market
from millibar.simulation.parameters import CHANNEL_NUMBER, MarketParameters

CHANNEL = "email"
AVID = 12  # acts in the year read
SINCE = (90, 180)  # the event lies so many days back: long enough to be seen, recent enough to matter
SOUGHT = ("direct", "search_paid", "search_organic", "referral", "store", "chat")


@dataclass(frozen=True)
class AttritionBars:
    """Verdicts on the newsletter at the market's end, of customers who had acted on it.

    ``shifted_recall``: of those who moved to another channel 90 to 180 days before, the share so called;
    ``avid_*``: the same of movers with at least ``AVID`` acts in the year before, and their share still called active.
    ``shifted_named``: of these, with the right channel. ``shifted_gone``: of them, the share wrongly called gone.
    ``shifted_precision``: of those called shifted, who moved at any time. ``gone_recall``: of those who left for good
    90 to 180 days before and never moved; ``gone_precision``: of those called gone, who left or moved at any time.
    ``seen_recall``: share of the gone and moved who are not called active. ``false_gone``, ``false_shifted``,
    ``false_drifting``: of customers who neither moved nor left.
    """

    seed: int
    moved: int
    departed: int
    avid_moved: int
    shifted_recall: float
    avid_shifted: float
    avid_active: float
    shifted_named: float
    shifted_gone: float
    shifted_precision: float
    gone_recall: float
    gone_precision: float
    seen_recall: float
    false_gone: float
    false_shifted: float
    false_drifting: float


def blocks_of_market(market: PlayedMarket, parameters: AttritionParameters) -> pd.DataFrame:
    """Rows as ``judge_attrition`` reads them: acts are days with a human open or answer."""
    daily = market.daily
    acts = (daily["human_opens"] + daily["human_responses"] > 0).astype(int)
    start = (market.parameters.start - FIRST_DAY).days
    bought = market.orders[market.orders["is_store"]].drop_duplicates(["day", "person"])
    rows = pd.DataFrame(
        {
            "customer_id": np.concatenate([daily["person"], bought["person"]]),
            "channel": np.concatenate([daily["channel"], np.full(len(bought), "store", object)]),
            "day": np.concatenate([daily["day"], bought["day"]]) + start,
            "contacts": np.concatenate([daily["contacts"], np.zeros(len(bought), dtype=int)]),
            "acts": np.concatenate([acts, np.ones(len(bought), dtype=int)]),
        }
    )
    rows["block"] = rows["day"] // parameters.block_days
    rows["act_day"] = rows["day"].where(rows["acts"] > 0)
    keys = ["customer_id", "channel", "block"]
    summed = rows.groupby(keys, as_index=False).agg(
        contacts=("contacts", "sum"), acts=("acts", "sum"), act_day=("act_day", "max")
    )
    summed["last_act_on"] = pd.Timestamp(FIRST_DAY) + pd.to_timedelta(summed.pop("act_day"), unit="D")
    return summed


def measure_attrition(
    seed: int, customers: int = 20_000, parameters: AttritionParameters | None = None
) -> AttritionBars:
    """Play a market and judge everybody at its end."""
    return score_attrition(play_market(MarketParameters(customers=customers, seed=seed)), parameters)


def score_attrition(market: PlayedMarket, parameters: AttritionParameters | None = None) -> AttritionBars:
    """The verdicts on one played market against its truth."""
    parameters = parameters or AttritionParameters()
    last = market.days - 1
    as_of = market.parameters.start + timedelta(days=last)
    persons = market.world.persons
    segments = pd.DataFrame({"customer_id": np.arange(len(persons)), "segment": market.acquisition})
    rows = blocks_of_market(market, parameters)
    rows = rows[persons.is_known[rows["customer_id"].to_numpy(dtype=np.int64)]]
    verdicts = judge_attrition(rows, as_of, segments, SOUGHT, parameters).query("channel == @CHANNEL")
    person = verdicts["customer_id"].to_numpy(dtype=np.int64)
    verdict, target = verdicts["verdict"].to_numpy(), verdicts["shifted_to"].to_numpy()
    moved_on, died_on = persons.shift_day[person], market.death_day[person]
    moved = (moved_on <= last) & (moved_on < died_on)
    dead = (died_on <= last) & ~moved
    recently_moved = moved & _between(last - moved_on) & (died_on > last)
    recently_dead = dead & _between(last - died_on)
    names = np.array(list(CHANNEL_NUMBER), object)
    right = target == names[persons.shift_to[person]]
    avid = (verdicts["responses"] >= AVID).to_numpy()
    stayed = ~moved & ~dead

    def share(chosen: np.ndarray, of: np.ndarray) -> float:
        return float(chosen[of].mean()) if of.any() else float("nan")

    called_shifted, called_gone = verdict == "shifted", verdict == "gone"
    return AttritionBars(
        market.parameters.seed,
        int(recently_moved.sum()),
        int(recently_dead.sum()),
        int((recently_moved & avid).sum()),
        share(called_shifted, recently_moved),
        share(called_shifted, recently_moved & avid),
        share(verdict == "active", recently_moved & avid),
        share(right, recently_moved & called_shifted),
        share(called_gone, recently_moved),
        share(moved, called_shifted),
        share(called_gone, recently_dead),
        share(moved | dead, called_gone),
        share(verdict != "active", recently_dead | recently_moved),
        share(called_gone, stayed),
        share(called_shifted, stayed),
        share(verdict == "drifting", stayed),
    )


def _between(days: np.ndarray) -> np.ndarray:
    return np.asarray((days >= SINCE[0]) & (days < SINCE[1]))


def lines(measured: list[AttritionBars]) -> Iterator[str]:
    """The report: a row a figure, a column a market, their mean at the end."""
    yield f"{'':<20}" + "".join(f"{'seed ' + str(bars.seed):>11}" for bars in measured) + f"{'mean':>11}"
    for name in [name for name in asdict(measured[0]) if name != "seed"]:
        values = [float(getattr(bars, name)) for bars in measured]
        yield f"{name:<20}" + "".join(f"{value:>11.3f}" for value in values) + f"{_mean(values):>11.3f}"


def _mean(values: list[float]) -> float:
    told = [value for value in values if np.isfinite(value)]
    return float(np.mean(told)) if told else float("nan")
