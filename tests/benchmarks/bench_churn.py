"""Seconds to fit and score customers, beside lifetimes 0.11.3 in an environment of its own.

    python tests/benchmarks/bench_churn.py [--customers 100000] [--millibar-customers 1000000] [--runs 3]
        [--lifetimes-python PYTHON] [--lifetimes-million]

Both read the same simulated histories (BG/NBD, ages of up to two years, times not rounded), each run in a process of its
own, in turns; reading of the file and imports are not timed. BG/NBD: parameters, P(alive) and expected orders of 90
days for every customer. Then, ours alone: MBG/NBD and Gamma-Gamma with intervals, P(alive), expected orders, chance
of an order and value of an order for `--millibar-customers`. Without --lifetimes-python the environment is made in a
temporary folder from PyPI, with versions lifetimes runs with. --lifetimes-million asks it for that many, too (minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

RUN = Path(__file__).with_name("churn_run.py")
PINS = ("lifetimes==0.11.3", "numpy==1.26.4", "pandas==1.5.3", "scipy==1.11.4", "autograd==1.6.2", "dill==0.3.8")
TRUTH = {"r": 0.55, "alpha": 45.0, "a": 0.9, "b": 2.4}
LONGEST_AGE = 730
BAR_SECONDS = 10.0


def histories(customers: int, seed: int = 7) -> pd.DataFrame:
    """x, t_x, T of customers who buy as BG/NBD says, and the mean value of their orders (Gamma-Gamma)."""
    random = np.random.default_rng(seed)
    rate = random.gamma(TRUTH["r"], 1 / TRUTH["alpha"], customers)
    chance = random.beta(TRUTH["a"], TRUTH["b"], customers)
    age = random.uniform(1, LONGEST_AGE, customers)
    now, x, t_x = (np.zeros(customers) for _ in range(3))
    going = np.arange(customers)
    while len(going):
        with np.errstate(divide="ignore", over="ignore"):
            now[going] += random.exponential(1, len(going)) / rate[going]
        going = going[now[going] <= age[going]]
        x[going] += 1
        t_x[going] = now[going]
        going = going[random.random(len(going)) >= chance[going]]
    orders = x + 1
    value = random.gamma(6.25 * orders) / random.gamma(3.74, 1 / 15.44, customers) / orders
    return pd.DataFrame({"x": x, "t_x": t_x, "T": age, "orders": orders, "mean_value": value})


def timed(python: str, tool: str, file: Path) -> dict:
    """What one run says; the tool's own process."""
    done = subprocess.run([python, str(RUN), tool, str(file)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{tool} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def in_turns(tools: dict[str, str], file: Path, runs: int) -> dict[str, list[dict]]:
    """Runs of each tool, one after another, so that a slow minute of the machine hits both."""
    found: dict[str, list[dict]] = {tool: [] for tool in tools}
    for _ in range(runs):
        for tool, python in tools.items():
            found[tool].append(timed(python, tool, file))
    return found


def told(name: str, runs: list[dict]) -> str:
    seconds = [run["seconds"] for run in runs]
    parameters = ", ".join(f"{key} {value:.4g}" for key, value in runs[0]["parameters"].items())
    return (
        f"  {name:28} median {statistics.median(seconds):8.2f} s (lowest {min(seconds):.2f}, highest {max(seconds):.2f}; "
        f"{len(runs)} runs), processor {statistics.median(run['processor'] for run in runs):.2f} s, "
        f"{runs[0]['peak_mb']:.0f} MB; {parameters}"
    )


def lifetimes_environment(folder: Path) -> str:
    """Python of a new environment with lifetimes and what it needs to run."""
    uv = Path(sys.executable).with_name("uv")
    place = folder / "lifetimes"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    python = place / "bin" / "python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PINS], check=True)
    return str(python)


def side_by_side(python: str, customers: int, runs: int, folder: Path) -> None:
    """BG/NBD by both, their times and what they disagree on."""
    file = folder / f"{customers}.csv"
    histories(customers).to_csv(file, index=False)
    found = in_turns({"millibar bg_nbd": sys.executable, "lifetimes bg_nbd": python}, file, runs)
    print(f"BG/NBD, {customers:,} customers: parameters, P(alive) and expected orders of 90 days")
    for tool, rows in found.items():
        print(told(tool, rows))
    ours, theirs = found.values()
    ratio = statistics.median(run["seconds"] for run in theirs) / statistics.median(run["seconds"] for run in ours)
    gaps = {name: ours[0]["parameters"][name] / value - 1 for name, value in theirs[0]["parameters"].items()}
    work = statistics.median(run["processor"] for run in theirs) / statistics.median(run["processor"] for run in ours)
    print(f"  lifetimes takes {ratio:.1f} times as long, {work:.1f} times the processor")
    print("  parameters, ours against theirs: " + ", ".join(f"{name} {gap:+.2%}" for name, gap in gaps.items()))
    print(
        f"  mean P(alive) {ours[0]['p_alive']:.5f} and {theirs[0]['p_alive']:.5f}, mean expected orders "
        f"{ours[0]['expected_orders']:.5f} and {theirs[0]['expected_orders']:.5f}"
    )


def main() -> None:
    words = argparse.ArgumentParser(description="seconds to fit and score customers, beside lifetimes")
    words.add_argument("--customers", type=int, default=100_000)
    words.add_argument("--millibar-customers", type=int, default=1_000_000)
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--lifetimes-python", metavar="PYTHON")
    words.add_argument("--lifetimes-million", action="store_true")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        python = asked.lifetimes_python or lifetimes_environment(folder)
        side_by_side(python, asked.customers, asked.runs, folder)
        if asked.lifetimes_million:
            side_by_side(python, asked.millibar_customers, 1, folder)
        file = folder / "ours.csv"
        histories(asked.millibar_customers).to_csv(file, index=False)
        rows = [timed(sys.executable, "millibar mbg_nbd", file) for _ in range(asked.runs)]
        print(f"MBG/NBD and Gamma-Gamma with intervals, everything scored, {asked.millibar_customers:,} customers")
        print(told("millibar", rows))
        worst = max(run["seconds"] for run in rows)
        print(
            f"  bar of {BAR_SECONDS:.0f} s: {'met' if worst <= BAR_SECONDS else 'missed'}, slowest {worst:.2f} s on "
            f"{os.cpu_count()} cores, of which {os.getloadavg()[0]:.1f} processes want one (1 when it has the machine alone)"
        )


if __name__ == "__main__":
    main()
