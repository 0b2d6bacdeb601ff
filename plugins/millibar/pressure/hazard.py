"""Learns how much pressure customers bear: the index at which unsubscribes and complaints begin to rise.

    annoyances_i,t ~ Poisson(contacts_i,t * exp(alpha) * E max(1, R)^beta),  R = P_i,t / (rho * m_i^gamma * spread)

The expectation is over customers, who differ around rho m^gamma by a normal spread s of the logarithm: with
v = ln(P / (rho m^gamma)) it is Phi(-v/s) + exp(beta v + beta^2 s^2 / 2) Phi(v/s + beta s). The likelihood is profiled
over rho and beta; alpha follows in closed form. Contacts are counted in bins of ln(P / m^gamma), so the cost of the fit
does not grow with the customers.
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

BINS = 80
RHO_CANDIDATES = 60
BETAS = np.arange(0.1, 6.01, 0.1)


@dataclass(frozen=True)
class ToleranceFit:
    """``rho`` to use; ``fitted`` is false where the data do not tell and the parameter's value stands in.

    ``beta``: rise of annoyance per unit of ln R beyond tolerance; ``gain``: log-likelihood won over no rise at all.
    """

    rho: float
    fitted: bool
    annoyances: float
    beta: float = 0.0
    gain: float = 0.0


def contact_days(daily: pd.DataFrame) -> pd.DataFrame:
    """Total index of a customer on every day with a contact: customer_id, day, contacts, index.

    ``daily``: customer_id, channel, day, contacts, pressure_index (at the end of the day), half_life_days; the sparse
    rows of fct_pressure_daily. The other channels' indices decay to that day.
    """
    if daily.empty:
        return pd.DataFrame(columns=["customer_id", "day", "contacts", "index"])
    people, names = pd.factorize(daily["customer_id"])
    channels, _ = pd.factorize(daily["channel"])
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
        state[people[rows], channels[rows]] = index[rows]
        met, place = np.unique(people[rows], return_inverse=True)
        found.append((met, np.full(len(met), number), np.bincount(place, contacts[rows]), state[met].sum(axis=1)))
    met, days, counts, totals = (np.concatenate(part) for part in zip(*found, strict=True))
    return pd.DataFrame(
        {
            "customer_id": np.asarray(names)[met],
            "day": pd.Timestamp("2000-01-01") + pd.to_timedelta(days + day.min(), unit="D"),
            "contacts": counts,
            "index": totals,
        }
    )


def fit_tolerance(
    contacts: pd.DataFrame, annoyances: pd.DataFrame, engagement: pd.DataFrame, parameters: ToleranceParameters
) -> ToleranceFit:
    """Fit rho.

    ``contacts``: as :func:`contact_days` returns. ``annoyances``: customer_id, day, annoyances (unsubscribes, spam
    complaints and complaints); each belongs to the customer's last contact at most ``blame_days`` before.
    ``engagement``: customer_id, engagement. With fewer than ``minimum_annoyances``, or no rise to speak of, rho is
    the parameter's.
    """
    blamed = _blame(contacts, annoyances, parameters)
    total = float(blamed["annoyances"].sum())
    usable = blamed[blamed["index"] > 0]
    if total < parameters.minimum_annoyances or usable.empty:
        return ToleranceFit(parameters.rho, False, total)
    multiplier = engagement.set_index("customer_id")["engagement"].reindex(usable["customer_id"]).fillna(1.0)
    level = np.log(usable["index"].to_numpy()) - parameters.gamma * np.log(multiplier.to_numpy())
    exposure, events, centres = _binned(level, usable["contacts"].to_numpy(), usable["annoyances"].to_numpy())
    candidates = np.linspace(centres[0], centres[-1], RHO_CANDIDATES)
    gains = _gains(exposure, events, centres - candidates[:, None], parameters.tolerance_spread)
    best, slope = np.unravel_index(int(np.argmax(gains)), gains.shape)
    gain = float(gains[best, slope])
    if gain < parameters.minimum_gain:
        return ToleranceFit(parameters.rho, False, total, gain=gain)
    return ToleranceFit(float(np.exp(candidates[best])), True, total, float(BETAS[slope]), gain)


def _gains(exposure: Floats, events: Floats, excess: Floats, spread: float) -> Floats:
    """Log-likelihood over that of a constant rate, alpha profiled out; shape (candidates, betas).

    ``excess``: ln(P / (rho m^gamma)) of each bin, shape (candidates, bins).
    """
    v, beta = excess[:, None, :], BETAS[None, :, None]
    rise = np.logaddexp(
        norm.logcdf(-v / spread), beta * v + (beta * spread) ** 2 / 2 + norm.logcdf(v / spread + beta * spread)
    )
    return np.asarray(rise @ events - events.sum() * (np.log(np.exp(rise) @ exposure) - np.log(exposure.sum())))


def _binned(level: Floats, contacts: Floats, events: Floats) -> tuple[Floats, Floats, Floats]:
    edges = np.linspace(level.min() - 1e-9, level.max() + 1e-9, BINS + 1)
    place = np.clip(np.searchsorted(edges, level) - 1, 0, BINS - 1)
    exposure = np.bincount(place, contacts, minlength=BINS).astype(np.float64)
    counted = np.bincount(place, events, minlength=BINS).astype(np.float64)
    centres = (edges[1:] + edges[:-1]) / 2
    kept = exposure > 0
    return exposure[kept], counted[kept], centres[kept]


def _blame(contacts: pd.DataFrame, annoyances: pd.DataFrame, parameters: ToleranceParameters) -> pd.DataFrame:
    """``contacts`` with the annoyances that followed each."""
    if contacts.empty or annoyances.empty:
        return contacts.assign(annoyances=0.0)
    ordered = contacts.assign(day=pd.to_datetime(contacts["day"]).astype("datetime64[ns]"))
    ordered = ordered.sort_values(["day", "customer_id"]).reset_index(drop=True)
    angry = annoyances.assign(day=pd.to_datetime(annoyances["day"]).astype("datetime64[ns]")).sort_values("day")
    matched = pd.merge_asof(
        angry,
        ordered[["customer_id", "day"]].assign(place=np.arange(len(ordered))),
        on="day",
        by="customer_id",
        tolerance=pd.Timedelta(days=parameters.blame_days),
    ).dropna(subset=["place"])
    counts = np.bincount(
        matched["place"].to_numpy(dtype=np.int64),
        matched["annoyances"].to_numpy(dtype=float),
        minlength=len(ordered),
    )
    return ordered.assign(annoyances=counts)
