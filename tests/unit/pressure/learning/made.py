"""Customers whose tolerance is known: contacts, answers and annoyances drawn from the model of learning/model.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.pressure.learning.evidence import Evidence

CHANNELS = ("email", "sms")
WEIGHTS = np.array([1.0, 3.0])


@dataclass(frozen=True)
class Made:
    """Evidence with the truth: engagement and tolerance of each customer."""

    evidence: Evidence
    theta: np.ndarray
    tolerance: np.ndarray


def make(
    customers: int = 3000,
    rho: float = 1.2,
    gamma: float = 0.5,
    spread: float = 0.5,
    delta: float = 0.9,
    beta: float = 1.8,
    targeted: bool = True,
    weights: np.ndarray = WEIGHTS,
    seed: int = 1,
) -> Made:
    """Contacts over 180 days; ``targeted``: who answers more is written to more, as brands do."""
    random = np.random.default_rng(seed)
    theta = random.gamma(1.5, 1 / 1.5, customers)
    tolerance = rho * theta**gamma * np.exp(spread * random.normal(size=customers))
    rate = np.array([0.15, 0.03])[:, None] * random.gamma(4.0, 0.25, customers) * (theta**0.5 if targeted else 1.0)
    half_lives = np.array([3.0, 3.0])
    state = np.zeros((2, 3, customers))
    decay = 2.0 ** (-1.0 / (half_lives[:, None] * np.array([0.5, 1.0, 2.0])))
    parts, speaks = [], np.ones((2, customers), dtype=bool)
    for _ in range(180):
        state *= decay[:, :, None]
        sent = random.poisson(rate) * speaks
        channel, customer = np.nonzero(sent)
        contacts, met = sent[channel, customer], state[:, :, customer].transpose(2, 0, 1).copy()
        ratio = np.maximum(1.0, (met[:, :, 1] @ weights) / tolerance[customer])
        answers = random.binomial(
            contacts, np.minimum(np.array([0.05, 0.06])[channel] * theta[customer] * ratio**-delta, 0.9)
        )
        annoyed = np.minimum(
            np.array([0.0015, 0.005])[channel] * ratio**beta, 0.5
        )  # nobody complains twice of one mail
        annoyances = random.binomial(contacts, annoyed)
        speaks[channel[annoyances > 0], customer[annoyances > 0]] = False  # who is annoyed unsubscribes
        parts.append((customer, channel, contacts, answers, annoyances, met))
        state += sent[:, None, :]
    customer, channel, contacts, answers, annoyances, met = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    evidence = Evidence(
        customers, CHANNELS, customer, channel, contacts.astype(float), answers.astype(float),
        annoyances.astype(float), met.astype(np.float32),
    )  # fmt: skip
    return Made(evidence, theta, tolerance)
