"""Churn, channel attrition and best moments on simulated markets, whose truth is known; prints figures and bars.

python tests/benchmarks/churn_bars.py [--customers 20000] [--seed 101] [--markets 5]
"""

from __future__ import annotations

import argparse
import sys

from millibar.churn.attrition.bars import lines as attrition_lines
from millibar.churn.attrition.bars import score_attrition
from millibar.churn.bars.report import lines as churn_lines
from millibar.churn.bars.report import measure
from millibar.moments.bars import lines as moment_lines
from millibar.moments.bars import measure_moments
from millibar.moments.simulated import lines as simulated_lines
from millibar.moments.simulated import measure_simulated
from millibar.pressure.bars.market import play_market
from millibar.simulation.parameters import MarketParameters

PAST_SENDS = (20, 50)
SIMULATED_CUSTOMERS = 5_000  # of the market whose sends and clicks are the simulator's own


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--customers", type=int, default=20_000, help="known persons a market (%(default)s)")
    told.add_argument("--seed", type=int, default=101, help="of the first market (%(default)s)")
    told.add_argument("--markets", type=int, default=5, help="seeds, one after another (%(default)s)")
    arguments = told.parse_args()
    churn, attrition, moments, simulated = [], [], [], []
    for seed in range(arguments.seed, arguments.seed + arguments.markets):
        market = play_market(MarketParameters(customers=arguments.customers, seed=seed))
        churn.append(measure(market))
        attrition.append(score_attrition(market))
        moments += [measure_moments(seed, arguments.customers, sends) for sends in PAST_SENDS]
        simulated.append(measure_simulated(seed, min(arguments.customers, SIMULATED_CUSTOMERS)))
        print(f"market of seed {seed} judged", file=sys.stderr, flush=True)
    for part in (churn_lines(churn), attrition_lines(attrition), moment_lines(moments), simulated_lines(simulated)):
        print("\n".join(part), end="\n\n")


if __name__ == "__main__":
    main()
