"""Attribution: what each channel earned, from aggregated paths."""

from millibar.attribution.channels import channel_results, touchpoint_weights
from millibar.attribution.markov import transition_table
from millibar.attribution.parameters import AttributionParameters
from millibar.attribution.paths import Paths, encode_paths

__all__ = [
    "AttributionParameters",
    "Paths",
    "channel_results",
    "encode_paths",
    "touchpoint_weights",
    "transition_table",
]
