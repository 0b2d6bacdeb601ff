"""Parameters of the parts of the attribution stage."""

from __future__ import annotations

from dataclasses import dataclass

from millibar.attribution.parameters import (
    AttributionParameters,
    BudgetParameters,
    CalibrationParameters,
    HazardParameters,
)
from millibar.pipeline.stages.parameters import load
from millibar.settings import Settings


@dataclass(frozen=True)
class AttributionRules:
    """The library's defaults with what dbt_project.yml changes."""

    attribution: AttributionParameters
    hazard: HazardParameters
    calibration: CalibrationParameters
    budget: BudgetParameters


def load_rules(settings: Settings) -> AttributionRules:
    """Sections attribution, hazard, calibration and budget of ``vars: estimation:``."""
    return AttributionRules(
        load(settings, "attribution", AttributionParameters()),
        load(settings, "hazard", HazardParameters()),
        load(settings, "calibration", CalibrationParameters()),
        load(settings, "budget", BudgetParameters()),
    )
