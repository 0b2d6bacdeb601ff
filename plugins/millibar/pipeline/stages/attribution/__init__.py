"""Stage attribution: aggregated paths -> scores.attribution_*: credits, weights, changes, experiments, budget."""

from __future__ import annotations

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.attribution import budget, changes, credits, experiments, weights
from millibar.pipeline.stages.attribution.rules import load_rules
from millibar.pipeline.stages.attribution.weights import month_fingerprints, months_to_refresh
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

__all__ = ["month_fingerprints", "months_to_refresh", "run"]


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Everything attribution scores of as_of, and the weights of the months whose journeys changed; returns rows."""
    rules = load_rules(settings)
    fitted, written = credits.score(warehouse, run, rules.attribution)
    written += weights.score(warehouse, run, rules)
    written += changes.score(warehouse, run, rules.attribution)
    calibration, of_experiments = experiments.score(warehouse, run, rules, fitted)
    return written + of_experiments + budget.score(warehouse, run, rules, fitted, calibration)
