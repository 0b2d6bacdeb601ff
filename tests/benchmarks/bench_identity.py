"""How long identity takes on files of records, in how much memory, and how right it is.

    python tests/benchmarks/bench_identity.py --market LANDING TRUTH        # CRM records of `millibar simulate`
    python tests/benchmarks/bench_identity.py --files RECORDS.csv --truth cluster
    python tests/benchmarks/bench_identity.py --records 1000000             # made-up records, for time and memory

Prints a line a step: seconds, processor seconds, peak memory; then the quality where the truth is known.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import pandas as pd
from market_records import market_records

from millibar.identity.clustering import ClusterRules, cluster_records
from millibar.identity.identify import choose_model, quarantine
from millibar.identity.matching import MatchPlan, prepare, score
from millibar.identity.quality import measure
from millibar.identity.record_files import named_records, read_records
from millibar.identity.rules import IdentityRules


class Clock:
    """Tells what each step took."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), _processor()

    def tell(self, step: str) -> None:
        wall, processor = time.perf_counter(), _processor()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{step:<12}{wall - self._wall:8.1f} s {processor - self._processor:8.1f} s processor {peak:6.2f} GB peak"
        )
        self._wall, self._processor = wall, processor


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _made_up(records: int) -> pd.DataFrame:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from unit.identity.matching.people import market

    frame = market(persons=int(records / 1.9) + 1).head(records)
    return frame.rename(columns={"person": "cluster"})


def run(frame: pd.DataFrame, truth: str) -> None:
    clock = Clock()
    known = frame.pop(truth) if truth in frame else None
    plan = MatchPlan.detect(frame)
    records = named_records(frame, plan.column("record_id"))
    prepared = prepare(records, plan, IdentityRules())
    clock.tell("prepare")
    features, held = quarantine(prepared.features)
    clock.tell("quarantine")
    model = choose_model(features, plan)
    clock.tell("train")
    pairs = score(features, model)
    clock.tell("score")
    clustering = cluster_records(features, pairs, ClusterRules())
    clock.tell("cluster")
    print(f"{len(features):,} records, {len(pairs):,} pairs, {len(set(clustering.labels)):,} customers, held {held}")
    if known is not None:
        for name, value in measure(known.reset_index(drop=True), pd.Series(clustering.labels)).items():
            print(f"  {name:<20} {value:.4f}")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--market", nargs=2, type=Path, metavar=("LANDING", "TRUTH"))
    words.add_argument("--files", nargs="+", type=Path)
    words.add_argument("--records", type=int)
    words.add_argument("--truth", default="cluster")
    options = words.parse_args()
    if options.market:
        run(market_records(*options.market), options.truth)
    if options.files:
        run(read_records(options.files), options.truth)
    if options.records:
        run(_made_up(options.records), options.truth)


if __name__ == "__main__":
    main()
