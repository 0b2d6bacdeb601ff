"""The bars of churn over several simulated markets: each figure beside its bar, and what simpler methods bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from millibar.churn.bars.alive import AliveBars, score_alive
from millibar.churn.bars.risk import RiskBars, score_risk
from millibar.pressure.bars.market import PlayedMarket

LEAST_AUC = 0.905  # of latent departures


@dataclass(frozen=True)
class ChurnBars:
    """Latent departures and orders within the horizon, of one market."""

    seed: int
    alive: AliveBars
    risk: RiskBars

    def figures(self) -> dict[str, float]:
        """Every figure by what it is called in the report."""
        alive, risk, purchase = self.alive, self.risk.risk, self.risk.purchase
        return {
            "left for good: AUC of 1 - P(alive)": alive.auc,
            "  of days since the last act": alive.auc_silence,
            "  of days since the last order": alive.auc_order,
            "  calibration error": alive.calibration_error,
            "  share told / 1": alive.told_departed,
            "  share in truth / 1": alive.departed,
            "orders within the horizon: AUC of p_active": risk.auc,
            "  of the MBG/NBD": purchase.auc,
            "  of days since the last order ": risk.baseline.auc,
            "  share told": risk.predicted_share,
            "  share that came": risk.observed_share,
            "  calibration error ": risk.ece,
            "  lift of the tenth most at risk": risk.lift,
            "  lift by recency": risk.baseline_lift,
        }


def measure(market: PlayedMarket) -> ChurnBars:
    """Score one market."""
    return ChurnBars(market.parameters.seed, score_alive(market), score_risk(market))


def lines(markets: list[ChurnBars]) -> Iterator[str]:
    """A row a figure, a column a market, and the mean."""
    each = [market.figures() for market in markets]
    yield f"{'':<48}" + "".join(f"{'seed ' + str(market.seed):>10}" for market in markets) + f"{'mean':>10}"
    for name in each[0]:
        values = [figures[name] for figures in each]
        yield f"{name:<48}" + "".join(f"{value:>10.4f}" for value in values) + f"{np.mean(values):>10.4f}"
    reached = float(np.mean([market.alive.auc for market in markets]))
    yield f"left for good: AUC {reached:.4f}, bar {LEAST_AUC}: {'met' if reached >= LEAST_AUC else 'NOT met'}"
