"""Small simulated markets the tests of this folder share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from millibar.simulation.market import SimulationReport, simulate
from millibar.simulation.parameters import MarketParameters


@dataclass(frozen=True)
class Written:
    """A market on disk."""

    parameters: MarketParameters
    landing: Path
    truth: Path
    report: SimulationReport

    def true(self, name: str) -> pa.Table:
        return pa.parquet.read_table(self.truth / f"{name}.parquet")

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.truth / "summary.json").read_text())

    def files(self, pattern: str) -> list[Path]:
        return sorted(self.landing.glob(f"*/{pattern}"))


@pytest.fixture(scope="session")
def write_market(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Written]:
    def write(**changes: Any) -> Written:
        folder = tmp_path_factory.mktemp("market")
        parameters = MarketParameters(**({"effect_sample": 0} | changes))
        report = simulate(parameters, folder / "landing", folder / "truth")
        return Written(parameters, folder / "landing", folder / "truth", report)

    return write


@pytest.fixture(scope="session")
def market(write_market: Callable[..., Written]) -> Written:
    """400 customers over 100 days that include the change to summer time of 2025-03-30."""
    return write_market(customers=400, days=100, start=date(2025, 1, 1), seed=7)
