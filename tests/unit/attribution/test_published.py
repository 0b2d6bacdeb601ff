"""`millibar attribute` on 10,000 public paths gives the published results: rules exactly, chains of order 1 to 3 to 1e-9."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.command import main

CONV_PAR, TIGHT_CONV_PAR = 0.05, 0.004  # of the simulations: relative change at which they stop
DEVIATIONS = 4.0


@pytest.fixture(scope="module")
def published(reference_data: Path) -> Path:
    return reference_data / "attribution"


def credits(published: Path, folder: Path, *words: str) -> pd.DataFrame:
    out = folder / "out.csv"
    assert main(["attribute", str(published / "sample_paths.csv"), "-o", str(out), *words]) == 0
    return pd.read_csv(out)


def theirs(file: Path, channels: pd.Index) -> pd.DataFrame:
    table = pd.read_csv(file).set_index("channel_name")
    assert set(table.index) == set(channels)
    return table.loc[channels]


def test_rules(published: Path, tmp_path: Path) -> None:
    found = credits(published, tmp_path, "--models", "first,last,linear").set_index(["model", "channel"])
    for model in ("first", "last", "linear"):
        ours = found.loc[model]
        expected = theirs(published / "ca_heuristics.csv", ours.index)
        np.testing.assert_allclose(ours["conversions"], expected[f"{model}_touch_conversions"], rtol=1e-12)
        np.testing.assert_allclose(ours["revenue"], expected[f"{model}_touch_value"], rtol=1e-12)


@pytest.mark.parametrize("convention", ["exact", "channelattribution"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_exact_chains(published: Path, tmp_path: Path, order: int, convention: str) -> None:
    words = ("--models", "markov", "--order", str(order), "--convention", convention)
    ours = credits(published, tmp_path, *words).set_index("channel")
    assert (ours["order"] == order).all()
    expected = theirs(published / f"exact_o{order}.csv", ours.index)
    ending = "_compat" if convention == "channelattribution" else ""
    np.testing.assert_allclose(ours["removal_effect"], expected[f"re_conv{ending}"], rtol=1e-9)
    np.testing.assert_allclose(ours["conversions"], expected[f"total_conversions{ending}"], rtol=1e-9)
    np.testing.assert_allclose(ours["revenue"], expected[f"total_value{ending}"], rtol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_tight_simulation_lies_within_its_noise(published: Path, tmp_path: Path, order: int) -> None:
    """The share of simulated conversions that touch a channel is binomial: its noise is s sqrt(RE (1 - RE)).

    s of the simulation at its defaults is what it is off by, over all channels; the tight one stops at a 12.5 times
    smaller change, so its s is that much smaller.
    """
    words = ("--models", "markov", "--order", str(order), "--convention", "channelattribution")
    ours = credits(published, tmp_path, *words).set_index("channel")["removal_effect"]
    spread = np.sqrt(ours * (1 - ours))
    column = "removal_effects_conversion"
    default = theirs(published / f"ca_markov_o{order}_default_seed0.csv", ours.index)[column]
    noise = float(np.sqrt((((default - ours) / spread) ** 2).mean())) * TIGHT_CONV_PAR / CONV_PAR
    assert 0 < noise < 0.003
    tight = theirs(published / f"ca_markov_o{order}_tight.csv", ours.index)[column]
    assert (((tight - ours) / spread).abs() < DEVIATIONS * noise).all()
