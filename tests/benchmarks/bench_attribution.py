"""Markov attribution beside its peers: seconds, peak memory, agreement, on the same generated journeys.

    python tests/benchmarks/bench_attribution.py                                  # 100k, 1M and 5M journeys
    python tests/benchmarks/bench_attribution.py --journeys 1000000 --forms aggregated --env /tmp/peers

Peers live in a virtual environment of their own (``--env``: kept and used again; else temporary): ChannelAttribution 2.2.5,
built from source (wants a C++ compiler; imports matplotlib without asking for it), and marketing-attribution-models 2.1.1
(package ``mam``). Both run with current numpy and pandas. Peers run at their defaults: one core, for ChannelAttribution 1e5
walks or more until its estimate settles.

Journeys: 12 channels, a chain of order 1 with mean length 4, seeded. ``aggregated``: a row a distinct path; ``rows``: a row
a journey. Each run is a process of its own; the best of ``--repeat`` runs counts; ``processor`` is processor seconds, all threads. What is timed: attribution_run.py.
MAM is run at 100k journeys, above only with ``--slow``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PEERS = ("ChannelAttribution==2.2.5", "matplotlib", "marketing-attribution-models==2.1.1")
CHANNELS = [f"channel {letter}" for letter in "abcdefghijkl"]
MEAN_LENGTH = 4.0
CONVERTED = 0.06
SEED = 4
MAM_JOURNEYS = 100_000
RUN = Path(__file__).with_name("attribution_run.py")
PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
ORDERS = (1, 2, 3)


def journeys(count: int) -> pd.DataFrame:
    """A row a journey: path, conversions, non_conversions, value, value_squared."""
    random = np.random.default_rng(SEED)
    size = len(CHANNELS)
    popular = random.dirichlet(np.full(size, 1.5))
    stay = 0.3
    moves = np.cumsum(stay * np.eye(size) + (1 - stay) * random.dirichlet(8 * popular, size), axis=1)
    lengths = random.geometric(1 / MEAN_LENGTH, count)
    state = random.choice(size, count, p=popular)
    strength = random.gamma(2.0, 1.0, size)
    names = np.array(CHANNELS, dtype=object)
    path, chance = names[state], strength[state]
    for place in range(1, lengths.max()):
        going = np.flatnonzero(lengths > place)
        state[going] = np.minimum((random.random(len(going))[:, None] > moves[state[going]]).sum(axis=1), size - 1)
        path[going] = path[going] + " > " + names[state[going]]
        chance[going] += strength[state[going]]
    won = random.random(count) < CONVERTED * chance / chance.mean()
    value = np.where(won, random.lognormal(4.0, 0.8, count).round(2), 0.0)
    return pd.DataFrame(
        {"path": path, "conversions": won * 1, "non_conversions": 1 - won, "value": value, "value_squared": value**2}
    )


def environment(folder: Path) -> str:
    """The interpreter of the peers' environment, made where it is missing."""
    interpreter = folder / "bin" / "python"
    if not interpreter.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return str(interpreter)


def tools(count: int, slow: bool) -> list[str]:
    ours = [f"markov {order}{errors}" for order in ORDERS for errors in ("", " intervals")]
    peers = [f"channelattribution {order}" for order in ORDERS]
    return [*ours, "markov_shapley 1 intervals", *peers, *(["mam 1"] if count <= MAM_JOURNEYS or slow else [])]


def timed(tool: str, file: Path, peers: str, repeat: int) -> dict[str, Any]:
    """The quickest of some runs."""
    interpreter = sys.executable if tool.startswith("markov") else peers
    known = os.environ | {"PYTHONPATH": str(PLUGINS), "MPLBACKEND": "Agg"}
    runs = []
    for _ in range(repeat):
        done = subprocess.run([interpreter, RUN, tool, file], capture_output=True, text=True, env=known, check=False)
        if done.returncode:
            raise SystemExit(f"{tool} on {file.name} failed:\n{done.stderr}")
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return min(runs, key=lambda run: run["seconds"])


def compare(file: Path, names: list[str], peers: str, repeat: int) -> None:
    """A line a tool, beside the peer of the same order."""
    found = {name: timed(name, file, peers, repeat) for name in names}
    print(
        f"{'tool':<28}{'seconds':>9}{'processor':>11}{'peak MB':>9}{'times faster':>14}{'memory':>8}  largest difference of removal effects"
    )
    for name, run in found.items():
        order = name.split()[1]
        line = f"{name:<28}{run['seconds']:9.3f}{run['processor']:11.3f}{run['peak_mb']:9.0f}"
        peer = found.get(f"channelattribution {order}")
        if name.startswith("markov") and peer:
            line += f"{peer['seconds'] / run['seconds']:14.1f}{run['peak_mb'] / peer['peak_mb']:8.2f}"
        exact = found[f"markov {order}"]["removal_effects"]
        if not name.startswith("markov"):
            apart = max(abs(effect - run["removal_effects"][channel]) for channel, effect in exact.items())
            line += f"{'':22}  {apart:.1e} from ours"
        print(line, flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description="Markov attribution beside its peers.")
    arguments.add_argument("--journeys", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000])
    arguments.add_argument("--forms", nargs="+", choices=("aggregated", "rows"), default=["aggregated", "rows"])
    arguments.add_argument("--env", type=Path, help="folder of the peers' environment; kept")
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--slow", action="store_true", help="MAM above 100k journeys, too")
    arguments.add_argument("--tools", nargs="+", help="these only, as 'markov 1' 'channelattribution 1'")
    told = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-attribution-") as made:
        peers = environment(told.env or Path(made) / "peers")
        for count in told.journeys:
            rows = journeys(count)
            for form in told.forms:
                frame = rows if form == "rows" else rows.groupby("path", as_index=False, sort=False).sum()
                file = Path(made) / f"{form}_{count}.parquet"
                frame.to_parquet(file)
                print(f"\n{count:,} journeys, {form}: {len(frame):,} rows", flush=True)
                compare(file, told.tools or tools(count, told.slow), peers, told.repeat)


if __name__ == "__main__":
    main()
