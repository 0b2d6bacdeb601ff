"""Fixtures of the stage tests."""

from unit.pipeline.stages.stage_inputs import inputs, run

__all__ = ["inputs", "run"]
