"""Attribution: what each channel earned, from aggregated paths.

    from millibar.attribution import MarkovShapley, encode_paths, fit_models

    model = MarkovShapley(order="auto").fit(paths)      # a table: path, conversions, non_conversions, value
    model.credits_, model.removal_effects_, model.intervals_, model.order_
    fit_models(paths, ["markov_shapley", "linear"])      # a list of Credits

Models: :mod:`millibar.attribution.models`. Order of the chain: ``order_scores``. What follows what:
``transition_table``, ``sequence_effects``. Errors without formulas: ``poisson_bootstrap``.
"""

from millibar.attribution.bootstrap import poisson_bootstrap
from millibar.attribution.chains.markov import markov_credits, sequence_effects, transition_table
from millibar.attribution.chains.order import choose_order, order_scores
from millibar.attribution.coalitions.markov_shapley import markov_shapley_credits
from millibar.attribution.coalitions.shapley import ordered_shapley, shapley_credits
from millibar.attribution.models import (
    MODELS,
    MarkovAttribution,
    MarkovShapley,
    RuleAttribution,
    ShapleyAttribution,
    fit_models,
)
from millibar.attribution.parameters import AttributionParameters
from millibar.attribution.paths import Paths, encode_paths
from millibar.attribution.result import Credits
from millibar.attribution.rules import rule_credits

__all__ = [
    "MODELS",
    "AttributionParameters",
    "Credits",
    "MarkovAttribution",
    "MarkovShapley",
    "Paths",
    "RuleAttribution",
    "ShapleyAttribution",
    "choose_order",
    "encode_paths",
    "fit_models",
    "markov_credits",
    "markov_shapley_credits",
    "order_scores",
    "ordered_shapley",
    "poisson_bootstrap",
    "rule_credits",
    "sequence_effects",
    "shapley_credits",
    "transition_table",
]
