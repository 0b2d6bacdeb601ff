"""Stage pressure: what customers bear, their states, and the signals of the channels -> scores.pressure_*."""

from __future__ import annotations

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.pressure import states, tolerance
from millibar.pipeline.stages.pressure.inputs import Profiles
from millibar.pipeline.stages.pressure.signals import write_signals
from millibar.pressure.parameters import ToleranceParameters
from millibar.pressure.states import StateParameters
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Tolerances and states of everybody, and the signals of all channels at as_of; returns rows written."""
    profiles = Profiles.read(warehouse)
    parameters = load(settings, "tolerance", ToleranceParameters())
    learned, tolerances, written = tolerance.score(warehouse, run, profiles, parameters)
    judging = load(settings, "states", StateParameters())
    written += states.score(warehouse, run, profiles, learned, tolerances, judging)
    return written + write_signals(warehouse, settings, run)
