"""One trained model for all tests of the engine: training takes seconds."""

from __future__ import annotations

import pandas as pd
import pytest

from millibar.identity.matching import MatchModel, MatchPlan, prepare, train
from millibar.identity.rules import IdentityRules
from unit.identity.matching.people import market

RULES = IdentityRules()


@pytest.fixture(scope="session")
def records() -> pd.DataFrame:
    return market()


@pytest.fixture(scope="session")
def features(records: pd.DataFrame) -> pd.DataFrame:
    return prepare(records, MatchPlan.of_feed(), RULES).features


@pytest.fixture(scope="session")
def model(features: pd.DataFrame) -> MatchModel:
    return train(features, MatchPlan.of_feed())
