"""Who stopped answering on which channel: drifting, shifted to another channel, or gone."""

from millibar.churn.attrition.blocks import block_of, read_blocks
from millibar.churn.attrition.judge import ATTRITION_COLUMNS, judge_attrition, judge_blocks
from millibar.churn.attrition.parameters import AttritionParameters
from millibar.churn.attrition.population import AttritionFit, fit_channels

__all__ = [
    "ATTRITION_COLUMNS",
    "AttritionFit",
    "AttritionParameters",
    "block_of",
    "fit_channels",
    "judge_attrition",
    "judge_blocks",
    "read_blocks",
]
