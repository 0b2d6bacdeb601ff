"""Scores states by the truth of a played market, with the code and the timetable of the daily stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.pressure.bars.market import PlayedMarket
from millibar.pressure.index import ChannelMix, Contacts, decay_contacts, read_contacts
from millibar.pressure.index.contacts import EPOCH, Floats
from millibar.pressure.learning.learn import Learned, learn, posteriors_of, sample_of
from millibar.pressure.learning.personal import tolerances_of
from millibar.pressure.parameters import ToleranceParameters
from millibar.pressure.states import StateParameters, judge_states
from millibar.pressure.states.judge import OVER, STATES, Bearing, ChannelRules

LOOKS = 3  # days of a market that are judged, evenly spread over its last half


@dataclass(frozen=True)
class StateBars:
    """Figures of one market, over all customers of all days judged.

    ``kappa``: Cohen's, linear weights. ``auc``: of Pr(over) for who is truly over. ``top_tenth``: precision among the
    tenth most surely over. ``precision_over``, ``recall_over``, ``recall_under``: of the states. ``prevalence``: truly
    over. ``flicker``: share of customers whose state is another than a week before.
    """

    customers: int
    prevalence: float
    kappa: float
    kappa_quadratic: float
    auc: float
    top_tenth: float
    precision_over: float
    recall_over: float
    recall_under: float
    flicker: float

    def told(self) -> dict[str, float]:
        return asdict(self)


def score_states(
    market: PlayedMarket,
    profiles: pd.DataFrame,
    tolerance: ToleranceParameters,
    states: StateParameters,
) -> StateBars:
    """Judge some days of the market and compare with its truth; ``profiles``: rows of seeds/channel_profiles.csv."""
    judged = _Judge(market, profiles, tolerance, states)
    weeks = market.states["day"].unique()
    looks = weeks[np.linspace(len(weeks) // 2, len(weeks) - 1, LOOKS).astype(int)]
    found, before = [], []
    for day in looks:
        learned, contacts, bearing = judged.learn(int(day))
        found.append(judged.judge(int(day), learned, contacts, bearing))
        week_ago = judged.judge(int(day) - 7, learned, contacts, bearing)
        both = found[-1].merge(week_ago, on="person", suffixes=("", "_before"))
        before.append(float((both["judged"] != both["judged_before"]).mean()))
    return compare(pd.concat(found, ignore_index=True), float(np.mean(before)))


def compare(rows: pd.DataFrame, flicker: float = float("nan")) -> StateBars:
    """Figures of rows with ``state`` (true, 0 to 2), ``judged`` (0 to 2) and ``probability_over``."""
    true, judged = rows["state"].to_numpy(), rows["judged"].to_numpy()
    over, surely = true == OVER, rows["probability_over"].to_numpy()
    top = np.argsort(-surely, kind="stable")[: max(1, len(rows) // 10)]
    return StateBars(
        customers=len(rows),
        prevalence=float(over.mean()),
        kappa=weighted_kappa(true, judged, 1),
        kappa_quadratic=weighted_kappa(true, judged, 2),
        auc=auc(surely, over),
        top_tenth=float(over[top].mean()),
        precision_over=_share(over, judged == OVER),
        recall_over=_share(judged == OVER, over),
        recall_under=_share(judged == 0, true == 0),
        flicker=flicker,
    )


def weighted_kappa(true: npt.NDArray[np.int_], judged: npt.NDArray[np.int_], power: int) -> float:
    """Cohen's weighted kappa (Cohen 1968): disagreement counts by its distance to ``power``."""
    size = len(STATES)
    seen = np.zeros((size, size))
    np.add.at(seen, (true, judged), 1.0 / len(true))
    weight = (np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / (size - 1)) ** power
    chance = float((weight * np.outer(seen.sum(axis=1), seen.sum(axis=0))).sum())
    return 1.0 - float((weight * seen).sum()) / chance if chance > 0 else float("nan")


def auc(score: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Chance that a positive has a higher score than a negative; ties count half (Mann & Whitney 1947)."""
    ranks = pd.Series(score).rank().to_numpy()
    ones = int(positive.sum())
    zeros = len(positive) - ones
    if not ones or not zeros:
        return float("nan")
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _share(of: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> float:
    return float(of[among].mean()) if among.any() else float("nan")


class _Judge:
    """A market as the warehouse would hold it, asked for any day."""

    def __init__(
        self, market: PlayedMarket, profiles: pd.DataFrame, tolerance: ToleranceParameters, states: StateParameters
    ) -> None:
        self._market, self._tolerance, self._states = market, tolerance, states
        profiles = profiles.set_index("channel")
        self._half_lives = {str(name): float(days) for name, days in profiles["persistence_days"].items()}
        weights = profiles["pressure_weight"].to_numpy(dtype=float)
        lives = profiles["persistence_days"].to_numpy(dtype=float)
        self._profile = ChannelMix(tuple(self._half_lives), weights, lives, lives)
        self._rules = ChannelRules(
            profiles["weekly_cap"].to_numpy(dtype=float), profiles["intrusiveness"].to_numpy(dtype=float)
        )
        self._known = np.flatnonzero(market.world.persons.is_known)
        self._rows = decay_contacts(self._contact_rows(), self._half_lives)
        self._acts = self._act_rows()

    def _dates(self, days: npt.NDArray[np.int_] | int) -> npt.NDArray[np.datetime64]:
        return np.datetime64(self._market.parameters.start) + np.asarray(days).astype("timedelta64[D]")

    def _number(self, day: int) -> int:
        """Days since 2000 of a market day."""
        return int((self._dates(day) - EPOCH).astype(int))

    def _of_known(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[self._market.world.persons.is_known[rows["person"]]]

    def _contact_rows(self) -> pd.DataFrame:
        rows = self._of_known(self._market.daily[self._market.daily["contacts"] > 0])
        return pd.DataFrame(
            {
                "customer_id": rows["person"].to_numpy(),
                "channel": rows["channel"].to_numpy(),
                "day": self._dates(rows["day"].to_numpy()),
                "contacts_1d": rows["contacts"].to_numpy(dtype=float),
            }
        )

    def _act_rows(self) -> pd.DataFrame:
        daily = self._of_known(self._market.daily)
        answers = daily["human_clicks"] + daily["replies"]
        annoyances = daily["unsubscribes"] + daily["spam_complaints"] + daily["complaints"]
        rows = daily[(answers + annoyances) > 0]
        return pd.DataFrame(
            {
                "customer_id": rows["person"].to_numpy(),
                "channel": rows["channel"].to_numpy(),
                "day": self._dates(rows["day"].to_numpy()),
                "answers": answers[rows.index].to_numpy(dtype=float),
                "annoyances": annoyances[rows.index].to_numpy(dtype=float),
            }
        )

    def learn(self, day: int) -> tuple[Learned, Contacts, Bearing]:
        """What the fit before the month of ``day`` knows, and all contacts."""
        on: date = self._market.parameters.start + timedelta(days=day)
        end = self._number(day) - on.day + 1
        first = end - self._tolerance.fit_days
        contacts = read_contacts(self._rows, self._half_lives, self._known)
        window = _between(contacts, first - self._tolerance.warm_up_days, end)
        acts = self._acts[self._acts["day"] < EPOCH + end]
        sample = sample_of(list(self._known), self._tolerance.sample_customers)
        learned = learn(window.of_customers(sample), acts, self._orders(end), first, self._profile, self._tolerance)
        posteriors = posteriors_of(learned, window, acts, first, self._tolerance)
        segments = self._market.acquisition[self._known]
        told = tolerances_of(posteriors, learned.population, segments, self._tolerance)
        return learned, contacts, Bearing(told.log_tolerance, told.error, told.basis)

    def _orders(self, end: int) -> pd.DataFrame:
        orders = self._of_known(self._market.orders)
        rows = pd.DataFrame({"customer_id": orders["person"], "day": self._dates(orders["day"].to_numpy())})
        return rows[rows["day"] < EPOCH + end]

    def judge(self, day: int, learned: Learned, contacts: Contacts, bearing: Bearing) -> pd.DataFrame:
        """True and judged state of every customer who is there on ``day``."""
        last = self._number(day)
        until = _between(contacts, 0, last + 1)
        recent = _between(contacts, last - self._states.path_days + 1, last + 1)
        current = until.newest()
        week = np.zeros(len(current))
        judged = judge_states(recent, current, week, learned.channels.mix, bearing, self._rules, last, self._states)
        judged = judged[judged["channel"] == "all"]
        truth = self._market.states[self._market.states["day"] == day]
        rows = truth.merge(judged, left_on="person", right_on="customer_id", suffixes=("", "_judged"))
        return rows.assign(judged=pd.Index(STATES).get_indexer(pd.Index(rows["state_judged"])))


def _between(contacts: Contacts, first: int, end: int) -> Contacts:
    return contacts.take(np.arange(*np.searchsorted(contacts.day, [first, end])))
