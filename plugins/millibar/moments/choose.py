"""The best hour of each customer on each channel, and every hour of each channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.moments.evidence import (
    HOURS,
    WEEKDAYS,
    WEEKEND,
    ChannelEvidence,
    Evidence,
    Floats,
    Objects,
    hour_gaps,
    read_evidence,
)
from millibar.moments.learning import customer_curves, learn_population, take, weekend_posterior, weekend_sums
from millibar.moments.parameters import MomentParameters
from millibar.moments.population import (
    ChannelModel,
    Population,
    Posterior,
    level_posterior,
    posterior_of,
    prior_rows,
)

Allowed = Mapping[str, "np.ndarray[tuple[int, int], np.dtype[np.bool_]]"]
CUSTOMER_COLUMNS = [
    "customer_id", "channel", "weekday", "hour", "expected_response", "usual_response", "exposures", "basis",
]  # fmt: skip
CHANNEL_COLUMNS = ["channel", "weekday", "hour", "responses", "exposures", "expected_response"]


@dataclass(frozen=True)
class Moments:
    """``channels``: rows of scores.moment_channel; ``customers``: of scores.moment_customer; less the run's columns."""

    channels: pd.DataFrame
    customers: pd.DataFrame
    population: Population


def fit_moments(
    exposures: pd.DataFrame,
    segments: pd.DataFrame | None,
    allowed: Allowed,
    parameters: MomentParameters | None = None,
    visits: pd.DataFrame | None = None,
) -> Moments:
    """Learn from contacts, answers and visits, and choose the best allowed hour of the week for every customer.

    ``exposures``: customer_id, channel, weekday (0 = Monday), hour, exposures, responses; times are local ones of the
    contact, and a row with 0 exposures asks for a moment on a channel not used with the customer so far.
    ``segments``: customer_id, segment. ``visits``: customer_id, hour, visits, when he came by himself.
    ``allowed``: by channel, shape (7, 24), the hours outside quiet times; all where a channel is not in it.
    Raises ``ValueError`` naming the row where a count or time is impossible.
    """
    parameters = parameters or MomentParameters()
    evidence = read_evidence(exposures, segments, visits)
    population = learn_population(evidence, parameters)
    return Moments(
        channel_rows(population, parameters), moments_of(population, evidence, allowed, parameters), population
    )


def moments_of(
    population: Population, evidence: Evidence, allowed: Allowed, parameters: MomentParameters
) -> pd.DataFrame:
    """Rows of scores.moment_customer, less the run: one a customer and channel of ``evidence`` the fit knows.

    A channel that is allowed at no hour has none. Of equal hours the first of the week is chosen.
    """
    parts = [pd.DataFrame({name: [] for name in CUSTOMER_COLUMNS})]
    for at in range(0, len(evidence), parameters.chunk_customers):
        part = take(evidence, np.arange(at, min(at + parameters.chunk_customers, len(evidence))))
        parts += _of_chunk(population, part, allowed, parameters)
    filled = [part for part in parts if len(part)] or parts[:1]
    rows = pd.concat(filled, ignore_index=True)[CUSTOMER_COLUMNS]
    return rows.sort_values(["customer_id", "channel"], ignore_index=True)


def _of_chunk(
    population: Population, evidence: Evidence, allowed: Allowed, parameters: MomentParameters
) -> list[pd.DataFrame]:
    posterior = posterior_of(population, evidence)
    basis = _basis(population, evidence, posterior, parameters)
    curves = {
        name: _own_curves(population, name, channel, posterior, parameters)
        for name, channel in evidence.channels.items()
        if name in population.channels
    }
    weekend = _weekend_ratio(population, evidence, curves)
    rows = []
    for name, curve in curves.items():
        model, channel = population.channels[name], evidence.channels[name]
        open_hours = offered(model, allowed.get(name), parameters)
        if not open_hours.any():
            continue
        week = _week(model, curve, weekend[channel.places], parameters)
        best = np.where(open_hours, week, -1.0).reshape(len(week), -1).argmax(axis=1)
        usual = (week * model.exposures).sum(axis=(1, 2)) / model.exposures.sum()
        rows.append(
            pd.DataFrame(
                {
                    "customer_id": evidence.customers[channel.places],
                    "channel": name,
                    "weekday": best // HOURS,
                    "hour": best % HOURS,
                    "expected_response": week.reshape(len(week), -1)[np.arange(len(week)), best],
                    "usual_response": usual,
                    "exposures": channel.exposures.sum(axis=(1, 2)),
                    "basis": basis[channel.places],
                }
            )
        )
    return rows


def offered(model: ChannelModel, allowed: np.ndarray | None, parameters: MomentParameters) -> np.ndarray:
    """Hours of the week, shape (7, 24), outside quiet times that the channel uses on any weekday.

    What is never tried cannot be told: an hour nobody was written to has no evidence of its own. Where no allowed hour
    is in use, because quiet times changed, all allowed ones are offered.
    """
    quiet = np.ones((WEEKDAYS, HOURS), dtype=bool) if allowed is None else np.asarray(allowed, dtype=bool)
    by_hour, by_day = model.exposures.sum(axis=0), model.exposures.sum(axis=1)
    least = parameters.minimum_share * by_hour.sum()
    used = quiet & (by_hour > least) & (by_day > least)[:, None]
    return used if used.any() else quiet


def _own_curves(
    population: Population, name: str, channel: ChannelEvidence, posterior: Posterior, parameters: MomentParameters
) -> Floats:
    """Chance of an answer by hour, shape (m, 24): the mixture's, bent to the customer's own where he answered much."""
    model = population.channels[name]
    curve = customer_curves(population, model, level_posterior(posterior, name, channel.places))
    exposures, responses = channel.exposures.sum(axis=1), channel.responses.sum(axis=1)
    hours: Floats = np.arange(HOURS, dtype=np.float64) + 0.5
    kernel = np.exp(-(hour_gaps(hours) ** 2) / (2 * parameters.kernel_hours**2))
    prior = parameters.residual_prior
    bent = curve * (responses @ kernel + prior) / ((exposures * curve) @ kernel + prior)
    return np.asarray(np.clip(bent, 0.0, parameters.highest_response))


def _weekend_ratio(population: Population, evidence: Evidence, curves: dict[str, Floats]) -> Floats:
    """Answers of each customer at weekends relative to other days, beside the channels' own weekdays; shape (n,)."""
    answered, due = np.zeros((len(evidence), 2)), np.zeros((len(evidence), 2))
    for name, curve in curves.items():
        channel = evidence.channels[name]
        by_day = np.einsum("mdh,mh->md", channel.exposures, curve) * population.channels[name].weekdays
        answered[channel.places] += weekend_sums(channel.responses.sum(axis=2))
        due[channel.places] += weekend_sums(by_day)
    weights = weekend_posterior(population.weekend, answered, due)
    return np.asarray(weights @ population.weekend.ratios)


def _week(model: ChannelModel, curve: Floats, weekend: Floats, parameters: MomentParameters) -> Floats:
    """Chances by weekday and hour, shape (m, 7, 24); over the channel's contacts its mean is the curve's."""
    days = np.ones((len(curve), WEEKDAYS))
    days[:, WEEKEND:] = weekend[:, None]
    days *= model.weekdays
    used = model.exposures.sum(axis=1) / model.exposures.sum()
    days /= (days @ used)[:, None]
    return np.asarray(np.clip(days[:, :, None] * curve[:, None, :], 0.0, parameters.highest_response))


def _basis(population: Population, evidence: Evidence, posterior: Posterior, parameters: MomentParameters) -> Objects:
    """Whose acts decide each customer's hour: ``learned`` his own, ``segment`` those of his like, ``channel`` all."""
    if not population.fitted:
        return np.full(len(evidence), "channel", object)
    rows = prior_rows(population.segment_names, evidence.segments)
    prior = population.prior[rows]
    own = _divergence(posterior.weights, prior)
    segment = _divergence(population.prior, population.prior[-1:])[rows]
    by_segment = np.where(segment >= parameters.segment_evidence, "segment", "channel").astype(object)
    return np.where(own >= parameters.own_evidence, "learned", by_segment)


def _divergence(weights: Floats, prior: Floats) -> Floats:
    """Kullback-Leibler divergence of each row from its prior, nats."""
    ratio = np.log(np.maximum(weights, 1e-300) / np.maximum(prior, 1e-300))
    return np.asarray((weights * ratio).sum(axis=1))


def channel_rows(population: Population, parameters: MomentParameters) -> pd.DataFrame:
    """Expected response of each channel at each weekday and hour: 168 rows a channel that was ever used.

    ``(responses + prior * expected) / (exposures + prior)`` with the product of the channel's curve over hours and that
    over weekdays as ``expected``, each shrunk to the channel's mean.
    """
    parts = [pd.DataFrame({name: [] for name in CHANNEL_COLUMNS})]
    for name, model in sorted(population.channels.items()):
        exposures, responses, prior = model.exposures, model.responses, parameters.cell_prior
        mean = responses.sum() / exposures.sum()
        by_hour = (responses.sum(axis=0) + prior * mean) / (exposures.sum(axis=0) + prior)
        by_day = (responses.sum(axis=1) + prior * mean) / (exposures.sum(axis=1) + prior)
        expected = by_day[:, None] * by_hour / mean if mean > 0 else np.zeros((WEEKDAYS, HOURS))
        shrunk = (responses + prior * np.minimum(expected, 1.0)) / (exposures + prior)
        day, hour = np.indices((WEEKDAYS, HOURS))
        parts.append(
            pd.DataFrame(
                {
                    "channel": name,
                    "weekday": day.ravel(),
                    "hour": hour.ravel(),
                    "responses": responses.ravel(),
                    "exposures": exposures.ravel(),
                    "expected_response": shrunk.ravel(),
                }
            )
        )
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)[CHANNEL_COLUMNS]
