"""How far the stage has read its inputs, so that a day reads only what came since; without it a run reads all."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from millibar.identity.matching import FEATURES_VERSION
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity.rules import Rules
from millibar.pipeline.stages.identity.tables import keep
from millibar.warehouse.connect import Warehouse

TABLE = "scores.identity_progress"
INPUTS = {
    "signatures": "intermediate.int_identity__signatures",
    "linked": "intermediate.int_identity__linked",
    "records": "intermediate.int_identity__record_versions",
}
FROM_THE_START = -1


@dataclass
class Progress:
    """``since``: input -> the newest change_id read before. ``is_full``: all components are clustered again.

    ``is_afresh``: all values are normalised again. ``guards``: conflict guards in force since the model was made.
    """

    since: dict[str, int]
    is_full: bool
    is_afresh: bool
    guards: tuple[str, ...] | None
    reached: dict[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, int]:
        return dict(self.since)

    def read_all(self) -> None:
        """A change outside the inputs touches everything."""
        self.is_full = True
        self.since = dict.fromkeys(self.since, FROM_THE_START)


def load(warehouse: Warehouse, rules: Rules) -> Progress:
    """What to read: changes since the last run, or everything where the rules changed or an input was built anew."""
    before = {row["input"]: row["read_to"] for row in warehouse.rows(f"select input, read_to from {TABLE}")}  # noqa: S608
    reached = {
        name: str(warehouse.value(f"select coalesce(max(change_id), {FROM_THE_START}) from {table}"))  # noqa: S608
        for name, table in INPUTS.items()
    }
    versions = {
        "normalisation": rules.identity.normalisation_version(),
        "rules": rules.version(),
        "features": str(FEATURES_VERSION),
    }
    since = {name: int(before.get(name, FROM_THE_START)) for name in INPUTS}
    rebuilt = any(int(reached[name]) < since[name] for name in INPUTS) or _was_built_anew(warehouse, since)
    is_full = rebuilt or any(before.get(name) != version for name, version in versions.items())
    guards = tuple(name for name in before["guards"].split(",") if name) if "guards" in before else None
    progress = Progress(
        since, is_full, before.get("normalisation") != versions["normalisation"], guards, reached | versions
    )
    if is_full:
        progress.read_all()
    return progress


def _was_built_anew(warehouse: Warehouse, since: dict[str, int]) -> bool:
    """A full refresh gives every row a change id of its own: none as old as what was read is left."""
    return any(
        read_to != FROM_THE_START
        and not warehouse.value(f"select exists (select 1 from {INPUTS[name]} where change_id <= {read_to})")  # noqa: S608
        for name, read_to in since.items()
    )


def save(warehouse: Warehouse, run: RunContext, progress: Progress) -> None:
    """The inputs have been read."""
    told = dict(progress.reached)
    if progress.guards is not None:
        told["guards"] = ",".join(progress.guards)
    rows = pd.DataFrame({"input": list(told), "read_to": list(told.values())})
    keep(warehouse, run, TABLE, rows, ("input",), "true")


def forget(warehouse: Warehouse, *, retrain: bool = False) -> None:
    """The next run reads everything and clusters every component again; ids are carried over.

    ``retrain``: it also trains the matching model again.
    """
    warehouse.execute(f"delete from {TABLE}")  # noqa: S608
    if retrain:
        warehouse.execute("delete from scores.identity_models")
