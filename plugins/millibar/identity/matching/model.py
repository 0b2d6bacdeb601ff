"""A trained model of identity: parameters, term frequencies and hot blocks, frozen under one version."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import pandas as pd

from millibar.identity.matching.columns import FEATURES_VERSION
from millibar.identity.matching.comparisons import comparisons_of, frequency_columns
from millibar.identity.matching.plan import MatchPlan

UNKNOWN_SHARE = 0.001  # of a value in a column the model has never seen
FREQUENCY_COLUMNS = ["column_name", "value", "frequency"]
HOT_COLUMNS = ["block_column", "block"]


@dataclass(frozen=True)
class MatchModel:
    """What scores a pair. The version is a fingerprint of all that decides a score.

    ``settings``: Splink settings with the trained m and u. ``report``: how it was trained, for people. ``frequencies``:
    column_name, value, frequency (share of records; a value not listed is as rare as ``floors`` of the settings say).
    ``hot_blocks``: block_column, block: left out of the candidates.
    """

    version: str
    plan: MatchPlan
    settings: dict[str, Any]
    report: dict[str, Any]
    frequencies: pd.DataFrame = field(compare=False, repr=False)
    hot_blocks: pd.DataFrame = field(compare=False, repr=False)

    @classmethod
    def frozen(
        cls,
        plan: MatchPlan,
        settings: dict[str, Any],
        report: dict[str, Any],
        frequencies: pd.DataFrame,
        hot_blocks: pd.DataFrame,
    ) -> MatchModel:
        """The model under the version its contents give it."""
        frequencies = frequencies[FREQUENCY_COLUMNS].sort_values(FREQUENCY_COLUMNS[:2], ignore_index=True)
        hot_blocks = hot_blocks[HOT_COLUMNS].sort_values(HOT_COLUMNS, ignore_index=True)
        told = hashlib.sha256(json.dumps([FEATURES_VERSION, plan.to_dict(), settings], sort_keys=True).encode())
        for frame in (frequencies, hot_blocks):
            told.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
        return cls(told.hexdigest()[:16], plan, settings, report, frequencies, hot_blocks)

    def to_json(self) -> str:
        """Everything but frequencies and hot blocks, which may be personal values."""
        told = {
            "version": self.version,
            "features_version": FEATURES_VERSION,
            "plan": self.plan.to_dict(),
            "settings": self.settings,
            "report": self.report,
        }
        return json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, frequencies: pd.DataFrame, hot_blocks: pd.DataFrame) -> MatchModel:
        """The model of :meth:`to_json` with its tables. ``ValueError`` where it was made for other features."""
        told = json.loads(text)
        if told.get("features_version") != FEATURES_VERSION:
            raise ValueError(
                f"the model {told.get('version')} was trained on features of version {told.get('features_version')}, "
                f"these are version {FEATURES_VERSION}: train it again"
            )
        plan = MatchPlan.from_dict(told["plan"])
        return cls(told["version"], plan, told["settings"], told["report"], frequencies, hot_blocks)

    def for_plan(self, plan: MatchPlan) -> MatchModel:
        """This model for records of another plan: what it knows, and for other columns the start values."""
        if plan == self.plan:
            return self
        known = {entry["output_column_name"]: entry for entry in self.settings["comparisons"]}
        wanted = comparisons_of(plan)
        entries = [known.get(comparison.name) or comparison.untrained() for comparison in wanted]
        floors = self.settings["floors"]
        settings = self.settings | {
            "comparisons": entries,
            "floors": {column: floors.get(column, UNKNOWN_SHARE) for column in frequency_columns(wanted)},
        }
        report = self.report | {"levels": report_levels(settings), "adapted_from": self.version}
        return MatchModel.frozen(plan, settings, report, self.frequencies, no_hot_blocks())

    def comparisons(self) -> pd.DataFrame:
        """comparison, level (its number in ``levels`` of a score, -1: no evidence), label, weight in bits."""
        rows = []
        for comparison in self.settings["comparisons"]:
            levels = comparison["comparison_levels"]
            for place, level in enumerate(levels):
                number = -1 if level.get("is_null_level") else len(levels) - 1 - place
                rows.append((comparison["output_column_name"], number, level["label_for_charts"], _weight(level)))
        return pd.DataFrame(rows, columns=["comparison", "level", "label", "weight"])


def _weight(level: dict[str, Any]) -> float:
    return 0.0 if level.get("is_null_level") else math.log2(level["m_probability"] / level["u_probability"])


def report_levels(settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Every level in words: how often among records of one person, how often among strangers, and its weight."""
    return [
        {
            "comparison": entry["output_column_name"],
            "level": level["label_for_charts"],
            "among_same_person": level["m_probability"],
            "among_strangers": level["u_probability"],
            "bits": round(_weight(level), 2),
        }
        for entry in settings["comparisons"]
        for level in entry["comparison_levels"][1:]
    ]


def no_frequencies() -> pd.DataFrame:
    return pd.DataFrame({"column_name": [], "value": [], "frequency": []}).astype(
        {"column_name": object, "value": object, "frequency": float}
    )


def no_hot_blocks() -> pd.DataFrame:
    return pd.DataFrame({"block_column": [], "block": []}).astype({"block_column": object, "block": "int64"})


@functools.cache
def default_model() -> MatchModel:
    """The model shipped for files of few records, trained on a simulated market of the customers feed."""
    package = resources.files("millibar.identity.matching")
    told = json.loads((package / "default_model.json").read_text(encoding="utf-8"))
    rows = [(column, value, share) for column, values in told["frequencies"].items() for value, share in values.items()]
    frequencies = pd.DataFrame(rows, columns=FREQUENCY_COLUMNS).astype({"frequency": float})
    return MatchModel.from_json(json.dumps(told["model"]), frequencies, no_hot_blocks())
