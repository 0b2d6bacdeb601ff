"""What the customers of each channel have in common: rates, evenness of engagement, how often they leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.churn.attrition.blocks import Blocks, ChannelBlocks, Floats, Places, channel_rates
from millibar.churn.attrition.departure import begun, change_logs, fit_departure, fit_shape, likelier
from millibar.churn.attrition.parameters import AttritionParameters

YEAR = 365.25


@dataclass(frozen=True)
class ChannelFit:
    """``rates``: acts an exposure, (segments + 1, blocks), the last row of all; ``shape`` of the customers' factors."""

    rates: Floats
    shape: float
    is_fitted: bool


@dataclass(frozen=True)
class AttritionFit:
    """Channels by name; ``departure``: chance a block to leave all of them together."""

    channels: dict[str, ChannelFit]
    departure: float

    def told(self) -> dict[str, object]:
        """What the fit was, for ops.model_runs."""
        return {
            "departure_a_block": self.departure,
            "channels": {name: {"shape": fit.shape, "fitted": fit.is_fitted} for name, fit in self.channels.items()},
        }


def fit_channels(blocks: Blocks, parameters: AttritionParameters) -> AttritionFit:
    """Fit every channel with acts; with too few customers who acted the parameters' own figures stand."""
    start = a_block(parameters.yearly_departures, parameters)
    fits, enough = {}, {}
    for name, channel in blocks.channels.items():
        if channel.acts.sum() > 0:
            rates = channel_rates(channel, blocks.segments, len(blocks.segment_names), parameters.rate_prior)
            enough[name] = int((channel.acts.sum(axis=1) > 0).sum()) >= parameters.minimum_customers
            due = due_acts(channel, rates, blocks.segments)
            shape = fit_shape(channel.acts, due) if enough[name] else parameters.shape
            fits[name] = ChannelFit(rates, shape, enough[name])
    found = AttritionFit(fits, start)
    if not any(enough.values()):
        return found
    logs, there = left_all_logs(blocks, found, parameters)
    acted = there.any(axis=1)
    return AttritionFit(fits, fit_departure(likelier(logs[acted]), there[acted], start))


def a_block(a_year: float, parameters: AttritionParameters) -> float:
    """Chance a block of what happens so often a year."""
    return float(1 - np.exp(-a_year * parameters.block_days / YEAR))


def due_acts(channel: ChannelBlocks, rates: Floats, segments: Places) -> Floats:
    """Acts an average customer of the same segment would have shown, shape (m, blocks)."""
    own = segments[channel.places]
    return np.asarray(channel.exposure * rates[np.where(own < 0, len(rates) - 1, own)])


def left_all_logs(blocks: Blocks, fit: AttritionFit, parameters: AttritionParameters) -> tuple[Floats, Floats]:
    """Log-likelihood ratio that all channels fell silent at each block, and where an act lies before; (n, blocks)."""
    logs = np.zeros((len(blocks.customers), parameters.blocks))
    there = np.zeros_like(logs)
    for name, own in fit.channels.items():
        if name in blocks.channels:
            channel = blocks.channels[name]
            due = due_acts(channel, own.rates, blocks.segments)
            logs[channel.places] += change_logs(channel.acts, due, own.shape, parameters.departed_residual)
            there[channel.places] = np.maximum(there[channel.places], begun(channel.acts))
    return logs, there
