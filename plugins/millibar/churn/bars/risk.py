"""Who orders within the horizon: scored at a cut of a played market from what was known, compared with what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.churn.alive import AliveParameters
from millibar.churn.bars.market import act_columns
from millibar.churn.risk import RiskParameters, RiskQuality, judge, later_days, order_features, score_features
from millibar.churn.scores import with_alive, with_alive_by_cut
from millibar.pressure.bars.market import PlayedMarket

HORIZON_DAYS = 90


@dataclass(frozen=True)
class RiskBars:
    """Quality of the risk model and of the purchase model alone, on the last ``HORIZON_DAYS`` of one market."""

    basis: str
    risk: RiskQuality
    purchase: RiskQuality


def score_risk(market: PlayedMarket) -> RiskBars:
    """Learned one horizon before the cut, scored at it, judged on the horizon that follows to the market's last day."""
    cut = market.days - 1 - HORIZON_DAYS
    days = purchase_days(market)
    current, _ = with_alive(_features(market, days, cut), AliveParameters())
    earlier = _features(market, days, cut - HORIZON_DAYS)
    earlier["later_orders"] = later_days(days, cut - HORIZON_DAYS, HORIZON_DAYS, earlier["customer_id"])
    found = score_features(current, with_alive_by_cut(earlier, AliveParameters()), HORIZON_DAYS, RiskParameters())
    active = later_days(days, cut, HORIZON_DAYS, current["customer_id"]) > 0
    since = current["days_since_order"].to_numpy(dtype=float)
    alone = found.features["model_p_active"].to_numpy(dtype=float)
    return RiskBars(found.basis, judge(found.p_active, active, since), judge(alone, active, since))


def purchase_days(market: PlayedMarket) -> pd.DataFrame:
    """Rows for ``order_features``: known persons' orders and what they sent back; days count from the first."""
    known = market.world.persons.is_known
    orders = market.orders[known[market.orders["person"]]]
    returns = market.returns[known[market.returns["person"]]]
    return pd.concat(
        [
            pd.DataFrame({"customer_id": orders["person"], "day": orders["day"], "value": orders["amount"]}),
            pd.DataFrame(
                {
                    "customer_id": returns["person"],
                    "day": returns["day"],
                    "value": 0.0,
                    "returned": returns["amount"],
                    "orders": 0,
                }
            ),
        ],
        ignore_index=True,
    ).fillna({"returned": 0.0, "orders": 1})


def _features(market: PlayedMarket, days: pd.DataFrame, cut: int) -> pd.DataFrame:
    bought = order_features(days, cut).drop(columns="cut").assign(cut=np.datetime64("1970-01-01") + cut)
    acts = act_columns(market, cut, bought["customer_id"].to_numpy(dtype=np.int64))
    return pd.concat([bought.reset_index(drop=True), acts], axis=1)
