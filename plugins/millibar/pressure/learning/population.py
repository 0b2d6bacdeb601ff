"""Fits the model of tolerance to a population: the most likely parameters under house priors.

The marginal likelihood of all customers is climbed by L-BFGS-B. Its slope is the mean, over each customer's posterior
of engagement and tolerance, of the slope of the complete-data likelihood (Fisher's identity; Louis 1982).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from millibar.pressure.index.contacts import Floats
from millibar.pressure.learning.evidence import Evidence
from millibar.pressure.learning.model import (
    THETA_GRID,
    Exposure,
    ToleranceModel,
    expose,
    log_priors,
    posterior,
    tolerance_grid,
)
from millibar.pressure.parameters import INTERVAL_Z, ToleranceParameters

COMMON = 6  # parameters that are no channel's rate
BOUNDS = ((None, None), (-0.5, 2.0), (np.log(0.1), np.log(1.5)), (np.log(0.1), np.log(50.0)), (0.0, 4.0), (0.0, 4.0))
HESSIAN_STEP = 0.02


@dataclass(frozen=True)
class PopulationFit:
    """``model``: to use. ``fitted``: false where the data do not tell, and the parameters' defaults stand in.

    ``gain``: log-likelihood won over ``without``, a population whom pressure changes nothing. ``rho_low`` and
    ``rho_high``: 95 % interval by curvature. ``grid``: ln tau the posteriors are computed on.
    """

    model: ToleranceModel
    fitted: bool
    grid: Floats
    annoyances: float
    answers: float
    customers: int
    gain: float = 0.0
    without: float = float("nan")
    rho_low: float = float("nan")
    rho_high: float = float("nan")

    def told(self) -> dict[str, float | bool]:
        """Figures for ops.model_runs."""
        model = self.model
        return {
            "fitted": self.fitted, "customers": self.customers, "answers": self.answers,
            "annoyances": self.annoyances, "gain": self.gain, "rho": model.rho, "rho_low": self.rho_low,
            "rho_high": self.rho_high, "gamma": model.gamma, "spread": model.spread, "shape": model.shape,
            "answer_fall": model.answer_fall, "annoyance_rise": model.annoyance_rise,
        }  # fmt: skip


def start_model(evidence: Evidence, parameters: ToleranceParameters) -> ToleranceModel:
    """The priors' centre, with each channel's plain rates."""
    contacts = np.maximum(_by_channel(evidence, evidence.contacts), 1.0)
    return ToleranceModel(
        rho=parameters.rho,
        gamma=parameters.gamma,
        spread=parameters.tolerance_spread,
        shape=parameters.engagement_shape,
        answer_fall=parameters.answer_fall,
        annoyance_rise=parameters.annoyance_rise,
        answer_rate=_by_channel(evidence, evidence.answers) / contacts,
        annoyance_rate=_by_channel(evidence, evidence.annoyances) / contacts,
    )


def fit_population(
    evidence: Evidence, coefficients: Floats, parameters: ToleranceParameters, earlier: PopulationFit | None = None
) -> PopulationFit:
    """Fit under an index of ``coefficients``, shape (channels, 3).

    ``earlier``: a fit of the same evidence under another index, to start from.

    With fewer than ``minimum_annoyances``, or a gain below ``minimum_gain``, the defaults stand in (``fitted`` false).
    """
    start = start_model(evidence, parameters)
    figures = float(evidence.annoyances.sum()), float(evidence.answers.sum()), evidence.customers
    default_grid = np.log(parameters.rho) + np.linspace(-3.3, 3.3, parameters.grid_points)
    if figures[0] < parameters.minimum_annoyances:
        return PopulationFit(start, False, default_grid, *figures)
    log_index = evidence.log_index(coefficients)
    climb = _Climb(evidence, log_index, tolerance_grid(log_index, parameters.grid_points), parameters)
    if earlier is None:
        model = climb.top(start.changed(rho=float(np.exp(np.median(climb.grid)))))
        nothing = climb.top(start.changed(answer_fall=0.0, annoyance_rise=0.0), pressed=False)
        without = climb.log_likelihood(nothing)
    else:
        model, without = climb.top(earlier.model), earlier.without
    gain = climb.log_likelihood(model) - without
    if gain < parameters.minimum_gain:
        return PopulationFit(start, False, default_grid, *figures, gain, without)
    error = climb.error_of_rho(model)
    low, high = (float(model.rho * np.exp(side * INTERVAL_Z * error)) for side in (-1, 1))
    return PopulationFit(model, True, climb.grid, *figures, gain, without, low, high)


def log_likelihood(model: ToleranceModel, exposure: Exposure, evidence: Evidence, grid: Floats) -> float:
    """Log-likelihood of all customers, but for what does not depend on any parameter."""
    _, each = posterior(model, exposure, grid)
    return float(each.sum()) + _rate_logs(model, evidence)


def _rate_logs(model: ToleranceModel, evidence: Evidence) -> float:
    answers, annoyances = _by_channel(evidence, evidence.answers), _by_channel(evidence, evidence.annoyances)
    told = answers @ np.log(np.maximum(model.answer_rate, 1e-12))
    return float(told + annoyances @ np.log(np.maximum(model.annoyance_rate, 1e-12)))


@dataclass(frozen=True)
class _Climb:
    """The marginal likelihood with its slope, over one vector of numbers.

    The vector: ln rho, gamma, ln spread, ln shape, answer_fall, annoyance_rise, then the logarithms of the channels'
    answer rates and annoyance rates.
    """

    evidence: Evidence
    log_index: Floats
    grid: Floats
    parameters: ToleranceParameters

    def top(self, start: ToleranceModel, pressed: bool = True) -> ToleranceModel:
        """The most likely model; without ``pressed`` the exponents stay where ``start`` has them."""
        channels = len(self.evidence.channels)
        vector = _vector(start)
        bounds = [*BOUNDS, *[(-18.0, 2.0)] * (2 * channels)]
        held = np.zeros(len(vector), dtype=bool)
        held[4:6] = not pressed
        # a rate that no act tells anything of stays where it is: next to nothing
        acts = self.evidence.answers, self.evidence.annoyances
        held[COMMON:] = np.concatenate([_by_channel(self.evidence, act) for act in acts]) == 0
        for place in np.flatnonzero(held):
            bounds[place] = (float(vector[place]), float(vector[place]))
        # counted by the customer, so that "near enough" means the same in a small and a large population
        size = max(self.evidence.customers, 1)

        def value(at: Floats) -> tuple[float, Floats]:
            total, slope = self.value(at)
            return -total / size, -slope / size

        found = minimize(
            value, vector, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": self.parameters.passes, "ftol": 1e-9, "gtol": 1e-6},
        )  # fmt: skip
        return _model(found.x, channels)

    def log_likelihood(self, model: ToleranceModel) -> float:
        """Without the priors."""
        exposure = expose(self.evidence, self.log_index, self.grid, model.answer_fall, model.annoyance_rise)
        return log_likelihood(model, exposure, self.evidence, self.grid)

    def value(self, vector: Floats) -> tuple[float, Floats]:
        """Log-likelihood with the priors, and its slope."""
        model = _model(vector, len(self.evidence.channels))
        exposure = expose(self.evidence, self.log_index, self.grid, model.answer_fall, model.annoyance_rise)
        weights, each = posterior(model, exposure, self.grid)
        prior, prior_slope = self._prior(vector)
        tau = weights.sum(axis=2)
        tau_theta = weights @ THETA_GRID.astype(weights.dtype)
        size = len(self.evidence.channels)
        answers = _by_channel(self.evidence, self.evidence.answers)
        annoyances = _by_channel(self.evidence, self.evidence.annoyances)
        fall = _expected(exposure, exposure.answered_slope, tau_theta, size) @ model.answer_rate
        rise = _expected(exposure, exposure.annoyed_slope, tau, size) @ model.annoyance_rate
        slope = np.concatenate(
            [
                self._population_slope(model, weights.sum(axis=0, dtype=float)),
                [
                    fall - float((tau * exposure.answer_log).sum()),
                    float((tau * exposure.annoyance_log).sum()) - rise,
                ],
                answers - model.answer_rate * _expected(exposure, exposure.answered, tau_theta, size),
                annoyances - model.annoyance_rate * _expected(exposure, exposure.annoyed, tau, size),
            ]
        )
        return float(each.sum()) + _rate_logs(model, self.evidence) + prior, slope + prior_slope

    def _population_slope(self, model: ToleranceModel, joint: Floats) -> Floats:
        """Slope in ln rho, gamma, ln spread and ln shape; ``joint``: people in each cell, shape (grid, thetas)."""
        log_theta = np.log(THETA_GRID)
        of_theta, of_tau = (np.exp(part) for part in log_priors(model, self.grid))
        gap = (self.grid[:, None] - np.log(model.rho) - model.gamma * log_theta) / model.spread
        people = joint.sum(axis=0)

        def beyond_prior(statistic: Floats) -> float:
            return float((joint * statistic).sum() - people @ (of_tau * statistic).sum(axis=0))

        shape = log_theta - THETA_GRID
        return np.array(
            [
                beyond_prior(gap / model.spread),
                beyond_prior(gap / model.spread * log_theta),
                beyond_prior(gap**2),
                model.shape * float(people @ shape - people.sum() * (of_theta @ shape)),
            ]
        )

    def _prior(self, vector: Floats) -> tuple[float, Floats]:
        """House priors: normal for the common parameters, none for the channels' rates."""
        told = self.parameters
        middle = np.array(
            [
                np.log(told.rho),
                told.gamma,
                np.log(told.tolerance_spread),
                np.log(told.engagement_shape),
                told.answer_fall,
                told.annoyance_rise,
            ]
        )
        width = np.array([5.0, told.gamma_prior, told.spread_prior, 1.0, told.exponent_prior, told.exponent_prior])
        gap = (vector[:COMMON] - middle) / width
        rates = np.zeros(len(vector) - COMMON)
        return -0.5 * float(gap @ gap), np.concatenate([-gap / width, rates])

    def error_of_rho(self, model: ToleranceModel) -> float:
        """Standard error of ln rho from the bend of the likelihood in all common parameters together."""
        vector, bend = _vector(model), np.empty((COMMON, COMMON))
        for place in range(COMMON):
            step = np.zeros(len(vector))
            step[place] = HESSIAN_STEP
            upper, lower = self.value(vector + step)[1], self.value(vector - step)[1]
            bend[place] = (lower - upper)[:COMMON] / (2 * HESSIAN_STEP)
        inverse = np.linalg.pinv((bend + bend.T) / 2, hermitian=True)
        return float(np.sqrt(inverse[0, 0])) if inverse[0, 0] > 0 else float("inf")


def _vector(model: ToleranceModel) -> Floats:
    common = [
        np.log(model.rho),
        model.gamma,
        np.log(model.spread),
        np.log(model.shape),
        model.answer_fall,
        model.annoyance_rise,
    ]
    rates = np.concatenate([model.answer_rate, model.annoyance_rate])
    return np.concatenate([common, np.log(np.maximum(rates, 1e-7))])


def _model(vector: Floats, channels: int) -> ToleranceModel:
    rho, gamma, spread, shape, fall, rise = (float(number) for number in vector[:COMMON])
    rates = np.exp(vector[COMMON:])
    return ToleranceModel(
        float(np.exp(rho)), gamma, float(np.exp(spread)), float(np.exp(shape)), fall, rise,
        rates[:channels], rates[channels:],
    )  # fmt: skip


def _expected(exposure: Exposure, values: Floats, weights: Floats, channels: int) -> Floats:
    """Sum over each channel's pairs of ``values`` (pairs, grid) weighed by their customers' (customers, grid)."""
    of_pairs = np.einsum("pk,pk->p", values, weights[exposure.customer])
    return np.bincount(exposure.channel, of_pairs, minlength=channels).astype(float)


def _by_channel(evidence: Evidence, values: Floats) -> Floats:
    return np.bincount(evidence.channel, values, minlength=len(evidence.channels)).astype(float)
