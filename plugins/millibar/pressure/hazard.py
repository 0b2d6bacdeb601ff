"""Learns how much pressure customers bear: the index at which unsubscribes and complaints begin to rise.

    annoyances_i,c,t ~ Poisson(contacts_i,c,t * exp(alpha_c) * E max(1, R)^beta),  R = P_i,t / (rho * m_i^gamma)

P is the index that stands when the contact arrives, without it: that is what the state of a customer is judged by. The
expectation is over customers, who differ around rho m^gamma by a normal spread s of the logarithm: with
v = ln(P / (rho m^gamma)) it is Phi(-v/s) + exp(beta v + beta^2 s^2 / 2) Phi(v/s + beta s). The likelihood is profiled
over rho and beta; alpha_c follows in closed form: a call annoys more than a mail at any pressure. Contacts are counted
in bins of channel and ln(P / m^gamma), so the cost of the fit does not grow with the customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from millibar.pressure.parameters import ToleranceParameters

Floats = npt.NDArray[np.float64]

BINS = 120
LEAST_INDEX = 0.01  # a contact to somebody at rest
RHO_CANDIDATES = 60
BETAS = np.arange(0.1, 6.01, 0.1)
HALF_CHI_SQUARE = 1.92  # 95 % of a chi-square with one degree of freedom, halved


@dataclass(frozen=True)
class ToleranceFit:
    """``rho`` to use; ``fitted`` is false where the data do not tell and the parameter's value stands in.

    ``rho_low``, ``rho_high``: ends of its 95 % likelihood interval. ``beta``: rise of annoyance per unit of ln R beyond
    tolerance; ``gain``: log-likelihood won over no rise at all.
    """

    rho: float
    fitted: bool
    annoyances: float
    rho_low: float = float("nan")
    rho_high: float = float("nan")
    beta: float = 0.0
    gain: float = 0.0


def contact_days(daily: pd.DataFrame) -> pd.DataFrame:
    """Contacts with the index they met: customer_id, channel, day, contacts, index (of all channels, before that day).

    ``daily``: customer_id, channel, day, contacts, pressure_index (at the end of the day), half_life_days; the sparse
    rows of fct_pressure_daily.
    """
    if daily.empty:
        return pd.DataFrame(columns=["customer_id", "channel", "day", "contacts", "index"])
    people, names = pd.factorize(daily["customer_id"])
    channels, channel_names = pd.factorize(daily["channel"])
    day = (pd.to_datetime(daily["day"]) - pd.Timestamp("2000-01-01")).dt.days.to_numpy()
    decay = np.ones(channels.max() + 1)
    decay[channels] = 2.0 ** (-1.0 / daily["half_life_days"].to_numpy(dtype=float))
    index = daily["pressure_index"].to_numpy(dtype=float)
    contacts = daily["contacts"].to_numpy(dtype=float)
    order = np.argsort(day, kind="stable")
    starts = np.searchsorted(day[order], np.arange(day.min(), day.max() + 2))
    state = np.zeros((len(names), len(decay)))
    found = []
    for number, (first, last) in enumerate(pairwise(starts)):
        state *= decay
        rows = order[first:last]
        if not len(rows):
            continue
        found.append(np.stack([np.full(len(rows), number), state[people[rows]].sum(axis=1)]))
        state[people[rows], channels[rows]] = index[rows]
    days, totals = np.concatenate(found, axis=1)
    return pd.DataFrame(
        {
            "customer_id": np.asarray(names)[people[order]],
            "channel": np.asarray(channel_names)[channels[order]],
            "day": pd.Timestamp("2000-01-01") + pd.to_timedelta(days + day.min(), unit="D"),
            "contacts": contacts[order],
            "index": totals,
        }
    )


def fit_tolerance(
    contacts: pd.DataFrame, annoyances: pd.DataFrame, engagement: pd.DataFrame, parameters: ToleranceParameters
) -> ToleranceFit:
    """Fit rho.

    ``contacts``: as :func:`contact_days` returns. ``annoyances``: customer_id, channel, day, annoyances (unsubscribes,
    spam complaints and complaints); each belongs to the customer's last contact by that channel at most
    ``blame_days`` before. ``engagement``: customer_id, engagement. With fewer than ``minimum_annoyances``, or no rise
    to speak of, rho is the parameter's.
    """
    blamed = _blame(contacts, annoyances, parameters)
    total = float(blamed["annoyances"].sum())
    if total < parameters.minimum_annoyances:
        return ToleranceFit(parameters.rho, False, total)
    multiplier = engagement.set_index("customer_id")["engagement"].reindex(blamed["customer_id"]).fillna(1.0)
    index = np.maximum(blamed["index"].to_numpy(dtype=float), LEAST_INDEX)
    level = np.log(index) - parameters.gamma * np.log(multiplier.to_numpy(dtype=float))
    exposure, events, centres = _binned(level, blamed)
    lowest, highest = np.quantile(level[index > LEAST_INDEX], [0.02, 0.998]) if (index > LEAST_INDEX).any() else (0, 0)
    candidates = np.linspace(lowest, highest, RHO_CANDIDATES)
    gains = _gains(exposure, events, centres - candidates[:, None], parameters.tolerance_spread)
    best, slope = np.unravel_index(int(np.argmax(gains)), gains.shape)
    gain = float(gains[best, slope])
    if gain < parameters.minimum_gain:
        return ToleranceFit(parameters.rho, False, total, gain=gain)
    near = np.exp(candidates[gains.max(axis=1) > gain - HALF_CHI_SQUARE])
    rho = float(np.exp(candidates[best]))
    return ToleranceFit(rho, True, total, float(near[0]), float(near[-1]), float(BETAS[slope]), gain)


def _gains(exposure: Floats, events: Floats, excess: Floats, spread: float) -> Floats:
    """Log-likelihood over that of constant rates, the alphas profiled out; shape (candidates, betas).

    ``exposure``, ``events``: shape (channels, bins). ``excess``: ln(P / (rho m^gamma)) of each bin, (candidates, bins).
    """
    v, beta = excess[:, None, :], BETAS[None, :, None]
    rise = np.logaddexp(
        norm.logcdf(-v / spread), beta * v + (beta * spread) ** 2 / 2 + norm.logcdf(v / spread + beta * spread)
    )
    scaled = np.log(np.exp(rise) @ exposure.T) - np.log(exposure.sum(axis=1))
    return np.asarray(rise @ events.sum(axis=0) - scaled @ events.sum(axis=1))


def _binned(level: Floats, contacts: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Contacts and annoyances by channel and bin of ``level``, shape (channels, bins); the middle of each bin."""
    edges = np.linspace(level.min() - 1e-9, level.max() + 1e-9, BINS + 1)
    channels, names = pd.factorize(contacts["channel"])
    place = channels * BINS + np.clip(np.searchsorted(edges, level) - 1, 0, BINS - 1)
    shape = (len(names), BINS)
    exposure, events = np.zeros(shape), np.zeros(shape)
    np.add.at(exposure.reshape(-1), place, contacts["contacts"].to_numpy(dtype=float))
    np.add.at(events.reshape(-1), place, contacts["annoyances"].to_numpy(dtype=float))
    kept = exposure.sum(axis=0) > 0
    return exposure[:, kept], events[:, kept], ((edges[1:] + edges[:-1]) / 2)[kept]


def _blame(contacts: pd.DataFrame, annoyances: pd.DataFrame, parameters: ToleranceParameters) -> pd.DataFrame:
    """``contacts`` with the annoyances that followed each."""
    if contacts.empty or annoyances.empty:
        return contacts.assign(annoyances=0.0)
    ordered = contacts.assign(day=pd.to_datetime(contacts["day"]).astype("datetime64[ns]"))
    ordered = ordered.sort_values(["day", "customer_id", "channel"]).reset_index(drop=True)
    angry = annoyances.assign(day=pd.to_datetime(annoyances["day"]).astype("datetime64[ns]")).sort_values("day")
    matched = pd.merge_asof(
        angry,
        ordered[["customer_id", "channel", "day"]].assign(place=np.arange(len(ordered))),
        on="day",
        by=["customer_id", "channel"],
        tolerance=pd.Timedelta(days=parameters.blame_days),
    ).dropna(subset=["place"])
    counts = np.bincount(
        matched["place"].to_numpy(dtype=np.int64),
        matched["annoyances"].to_numpy(dtype=float),
        minlength=len(ordered),
    )
    return ordered.assign(annoyances=counts)
