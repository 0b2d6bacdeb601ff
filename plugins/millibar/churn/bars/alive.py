"""Latent departures: who has left for good, told from what he was seen to do, against the market's truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.churn.alive import Acts, AliveParameters, fit_alive, p_alive
from millibar.churn.bars.market import act_columns, buyers
from millibar.pressure.bars.market import PlayedMarket
from millibar.pressure.bars.states import auc

BINS = 10


@dataclass(frozen=True)
class AliveBars:
    """Figures of one market on its last day, over known persons who had bought by then.

    ``auc``: of 1 - P(alive) for those who have left; ``auc_silence``, ``auc_order``: of the days since the last act of
    any kind, and since the last order. ``calibration_error``: mean gap of told and true departures over ten equal bins.
    """

    customers: int
    departed: float
    told_departed: float
    auc: float
    auc_silence: float
    auc_order: float
    calibration_error: float


def score_alive(market: PlayedMarket, parameters: AliveParameters | None = None) -> AliveBars:
    """Fit the alive model on the market as it stands on its last day, and compare with who has left."""
    cut = market.days - 1
    persons = buyers(market, cut)
    columns = act_columns(market, cut, persons)
    acts = Acts.of(columns)
    departed = 1 - p_alive(acts, fit_alive(acts, parameters or AliveParameters()))
    left = market.death_day[persons] <= cut
    ordered = np.full(len(market.world.persons), -1)
    np.maximum.at(ordered, market.orders["person"], market.orders["day"])
    bins = np.array_split(np.argsort(departed, kind="stable"), BINS)
    return AliveBars(
        customers=len(persons),
        departed=float(left.mean()),
        told_departed=float(departed.mean()),
        auc=auc(departed, left),
        auc_silence=auc(columns["days_since_act"].to_numpy(float), left),
        auc_order=auc(cut - ordered[persons].astype(float), left),
        calibration_error=float(np.mean([abs(departed[part].mean() - left[part].mean()) for part in bins])),
    )
