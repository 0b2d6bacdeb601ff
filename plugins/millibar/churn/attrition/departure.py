"""When, if ever, a customer stopped acting: on one channel, on all, or here to act more elsewhere.

Acts of block t come at the rate theta * e_t, e_t what an average customer would have shown for the same contacts, theta
of Gamma(a, a) the customer's own. From some block k on the rate may change by a factor. With theta summed out, for x
acts in all,

    L(k) / L(no change) = factor^(acts from k on) * ((a + E_before + factor * E_after) / (a + E))^-(a + x)

so silence weighs as many expected acts as were missed: who is rarely contacted is not gone, and where nobody was
contacted nothing is learned. Conjugate gamma-Poisson change point, as Raftery and Akman (1986, Biometrika 73:85).
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from millibar.churn.attrition.blocks import Floats

SHAPES = np.geomspace(0.2, 8.0, 25)
DEPARTURE_LIMITS = (0.0002, 0.05)  # chance a block
STEPS = 20
MOST_LOG = 300.0  # of one hypothesis against another: beyond lies certainty, and overflow


def change_logs(acts: Floats, due: Floats, shape: float, factor: float) -> Floats:
    """Log-likelihood of a change by ``factor`` at the start of each block, less that of no change; (m, blocks).

    ``acts`` and ``due`` (expected acts of an average customer) have shape (m, blocks).
    """
    total, expected = acts.sum(axis=1, keepdims=True), due.sum(axis=1, keepdims=True)
    after = np.cumsum(acts[:, ::-1], axis=1)[:, ::-1]
    due_after = np.cumsum(due[:, ::-1], axis=1)[:, ::-1]
    changed = shape + expected + (factor - 1) * due_after
    return np.asarray(after * np.log(factor) - (shape + total) * np.log(changed / (shape + expected)))


def begun(acts: Floats) -> Floats:
    """1 where an act lies before the block, else 0: what was never there cannot be lost."""
    return np.asarray((np.cumsum(acts, axis=1) - acts > 0).astype(float))


def departure_odds(chance: float, blocks: int) -> Floats:
    """Prior odds to leave at the start of each block against staying, shape (blocks,); ``chance`` a block."""
    return np.asarray(chance * (1 - chance) ** (np.arange(blocks) - blocks))


def likelier(logs: Floats) -> Floats:
    """How many times likelier, kept finite."""
    return np.asarray(np.exp(np.minimum(logs, MOST_LOG)))


def fit_shape(acts: Floats, due: Floats) -> float:
    """Gamma shape of the customers' own factors, by maximum likelihood of their totals (negative binomial).

    Those who left make it look a little more uneven than it is.
    """
    total, expected = acts.sum(axis=1), due.sum(axis=1)
    total, expected = total[expected > 0], expected[expected > 0]

    def log_likelihood(shape: float) -> float:
        logs = gammaln(shape + total) - gammaln(shape) + shape * np.log(shape)
        return float((logs - (shape + total) * np.log(shape + expected)).sum())

    return float(max(SHAPES, key=log_likelihood))


def fit_departure(likelihood: Floats, at_risk: Floats, start: float) -> float:
    """Chance a block to leave, by expectation maximisation.

    ``likelihood``, shape (m, blocks): how many times likelier a departure at each block's start is than none;
    ``at_risk``: 1 where a customer can leave, else 0, shape (m, blocks).
    """
    chance, blocks = start, likelihood.shape[1]
    risk_before = np.cumsum(at_risk, axis=1)
    for _ in range(STEPS):
        odds = departure_odds(chance, blocks) * likelihood * at_risk
        posterior = odds / (1 + odds.sum(axis=1))[:, None]
        left = posterior.sum(axis=1)
        exposed = (1 - left) * risk_before[:, -1] + (posterior * risk_before).sum(axis=1)
        found = float(np.clip(left.sum() / max(exposed.sum(), 1e-300), *DEPARTURE_LIMITS))
        if abs(found / chance - 1) < 1e-3:
            return found
        chance = found
    return chance
