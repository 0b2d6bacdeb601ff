"""One tool, one file of paths, timed: run by bench_attribution.py in a process of its own, in the tool's environment.

    python attribution_run.py TOOL PATHS.parquet      # prints JSON: seconds, processor, peak_mb, removal_effects by channel

Timed is what turns a data frame of path texts and counts into credits, parsing of the texts included; imports and the
reading of the file are not. Peak memory is the whole process's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

Run = Callable[[pd.DataFrame], dict[str, float]]


def millibar(model: str, order: int, errors: bool) -> Run:
    from millibar.attribution.chains.markov import markov_credits
    from millibar.attribution.paths import encode_paths

    def run(frame: pd.DataFrame) -> dict[str, float]:
        paths = encode_paths(frame)
        if model == "markov":
            found = markov_credits(paths, order, errors=errors)
            return dict(zip(found.channels, map(float, found.removal_effects), strict=True))
        from millibar.attribution.models import fit_models

        fit_models(paths, [model], order=order)
        return {}

    return run


def channel_attribution(order: int) -> Run:
    from ChannelAttribution import markov_model

    def run(frame: pd.DataFrame) -> dict[str, float]:
        found = markov_model(
            frame, "path", "conversions", var_value="value", var_null="non_conversions", order=order, out_more=True,
            verbose=False, flg_pro=False,
        )  # fmt: skip
        effects = found["removal_effects"]
        return dict(zip(effects["channel_name"], map(float, effects["removal_effects_conversion"]), strict=True))

    return run


def mam() -> Run:
    from mam import MAM

    def run(frame: pd.DataFrame) -> dict[str, float]:
        model = MAM(
            frame, "grouped_journey", "path", "has_conversion", occurrences_colname="occurrences",
            conversion_value_colname="value",
        )  # fmt: skip
        effects = model.run_markov().metadata["removal_effect"]["removal_effect"]
        return dict(zip(effects.index, map(float, effects), strict=True))

    return run


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for the journeys of a path that converted, and one for those that did not: what MAM reads."""
    won = frame.loc[frame["conversions"] > 0, ["path", "conversions", "value"]]
    lost = frame.loc[frame["non_conversions"] > 0, ["path", "non_conversions"]]
    return pd.concat(
        [
            won.rename(columns={"conversions": "occurrences"}).assign(has_conversion=True),
            lost.rename(columns={"non_conversions": "occurrences"}).assign(has_conversion=False, value=0.0),
        ],
        ignore_index=True,
    )


def prepared(tool: str, frame: pd.DataFrame) -> tuple[Run, pd.DataFrame]:
    name, _, rest = tool.partition(" ")
    if name == "mam":
        return mam(), grouped(frame)
    if name == "channelattribution":
        return channel_attribution(int(rest)), frame
    order, _, intervals = rest.partition(" ")
    return millibar(name, int(order), bool(intervals)), frame


def peak_mb() -> float:
    """Peak memory of this program; getrusage would start from the peak of the one that began it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(tool: str, path: str) -> None:
    run, frame = prepared(tool, pd.read_parquet(path))
    began, worked = time.perf_counter(), time.process_time()
    effects = run(frame)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    print(json.dumps({"seconds": seconds, "processor": processor, "peak_mb": peak_mb(), "removal_effects": effects}))


if __name__ == "__main__":
    main(*sys.argv[1:])
