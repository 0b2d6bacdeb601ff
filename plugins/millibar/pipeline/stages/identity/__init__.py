"""Stage identity: identifier values, records and links -> scores.identity_*, every day only what changed."""

from millibar.pipeline.stages.identity.progress import forget
from millibar.pipeline.stages.identity.rules import Rules, load_rules
from millibar.pipeline.stages.identity.stage import run

__all__ = ["Rules", "forget", "load_rules", "run"]
