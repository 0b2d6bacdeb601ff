"""Attribution of one file: read paths or events, choose the order, fit the models, keep what must be told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from millibar.attribution.chains.order import best_order, order_scores
from millibar.attribution.coalitions.markov_shapley import MARKOV_SHAPLEY, highest_order
from millibar.attribution.comparison import CHANGE_COLUMNS, compare
from millibar.attribution.files.event_files import LOOKBACK_DAYS, EventColumns, looks_like_events, read_events
from millibar.attribution.files.path_files import JourneyTable, PathColumns, looks_like_paths, read_paths
from millibar.attribution.models import fit_models, interval_z
from millibar.attribution.paths import STEP_SEPARATOR, Paths, encode_paths
from millibar.attribution.result import CREDIT_COLUMNS, Credits
from millibar.sources.blocks import FileError
from millibar.sources.table_files import TableFile, read_table

DEFAULT_MODELS = ("markov_shapley", "markov", "first", "last", "linear")
HIGHEST_ORDER = 4
FEW_CONVERSIONS = 30  # below, a normal interval of a share means little
AUTO: Literal["auto"] = "auto"
REVENUE_COLUMNS = [name for name in CREDIT_COLUMNS if name.startswith("revenue")]


@dataclass(frozen=True)
class FileForm:
    """How a file is written. ``form``: ``paths``, ``events``, or None to tell from the header."""

    form: str | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal: str = "."
    separator: str = STEP_SEPARATOR
    paths: PathColumns = field(default_factory=PathColumns)
    events: EventColumns = field(default_factory=EventColumns)
    lookback_days: float = LOOKBACK_DAYS
    drop_repeats: bool = False


@dataclass(frozen=True)
class Request:
    """What to fit. ``order``: 1 or more, or ``auto``; ``confidence``: of the intervals, between 0 and 1."""

    models: Sequence[str] = DEFAULT_MODELS
    order: int | Literal["auto"] = 1
    convention: str = "exact"
    confidence: float = 0.95


@dataclass(frozen=True)
class Attribution:
    """What a file gave. ``credits``: one a model, in the order asked for; ``order_scores``: None unless chosen;
    ``changes``: against the file of an earlier period, as of ``comparison.compare``, None without one."""

    credits: list[Credits]
    confidence: float
    has_value: bool
    inputs: dict[str, Any]
    warnings: list[str]
    order_scores: pd.DataFrame | None = None
    changes: pd.DataFrame | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def table(self) -> pd.DataFrame:
        """``CREDIT_COLUMNS``, a row a model and channel; revenue is null where the file tells no value."""
        z = interval_z(self.confidence)
        table = pd.concat([credits.frame(z) for credits in self.credits], ignore_index=True)
        if not self.has_value:
            table[REVENUE_COLUMNS] = float("nan")
        return table


def attribute_file(
    path: Path, form: FileForm | None = None, request: Request | None = None, reference: Path | None = None
) -> Attribution:
    """Credits of every channel of a file of aggregated paths or of events.

    ``reference``: a file of an earlier period, written in the same way; what changed since is told in shares, under
    chains of the same order. No journey may be in both.
    Raises ``FileError`` (a ``ValueError``) where the file cannot be read, with file, line, column and value, and
    ``ValueError`` on an unknown model, order or convention.
    """
    form, request = form or FileForm(), request or Request()
    began = time.perf_counter()
    journeys = read_journeys(path, form)
    earlier = None if reference is None else read_journeys(reference, form)
    was_read = time.perf_counter()
    paths = encode_paths(journeys.rows, separator=journeys.separator)
    notes = [*journeys.warnings, *_notes(paths)]
    scores = order_scores(paths, HIGHEST_ORDER) if request.order == AUTO and paths.journeys > 0 else None
    fitted = _fitted(paths, request, 1 if scores is None else best_order(scores))
    notes += _order_notes(fitted, scores) + _sampling_notes(fitted)
    changes = None
    if earlier is not None:
        notes += [f"{reference}: {note}" for note in earlier.warnings if note not in notes]
        changes = _changes(encode_paths(earlier.rows, separator=earlier.separator), fitted, request)
    return Attribution(
        credits=fitted,
        confidence=request.confidence,
        has_value=journeys.has_value,
        inputs=journeys.inputs | _totals(paths, journeys.has_value),
        warnings=notes,
        order_scores=scores,
        changes=changes,
        seconds={"reading": was_read - began, "fitting": time.perf_counter() - was_read},
    )


def read_journeys(path: Path, form: FileForm) -> JourneyTable:
    """The aggregated paths of a file, whichever form it has."""
    file = read_table(path, form.encoding, form.delimiter)
    if _form(file, form) == "events":
        return read_events(file, form.events, form.lookback_days, form.decimal, form.drop_repeats)
    return read_paths(file, form.paths, form.separator, form.decimal)


def _form(file: TableFile, form: FileForm) -> str:
    if form.form is not None:
        return form.form
    if form.paths != PathColumns():
        return "paths"
    names = list(file.columns)
    if form.events != EventColumns() or (looks_like_events(names) and not looks_like_paths(names)):
        return "events"
    if looks_like_paths(names):
        return "paths"
    raise FileError(
        f"{file.path}, line 1: neither paths (path, conversions, nulls, value) nor events (customer, time, channel, "
        f"conversion, value) are plain in {', '.join(names)}: name the columns, as --path COLUMN --conversions COLUMN, "
        "or --customer COLUMN --time COLUMN --channel COLUMN --conversion COLUMN"
    )


def _fitted(paths: Paths, request: Request, best: int) -> list[Credits]:
    """Credits of each model; ``best``: the order where none was asked for by number.

    The coalitions of Markov-Shapley need a chain of fewer states than removal effects do: an order nobody asked for is
    lowered for it, not refused.
    """
    fitted = []
    for model in dict.fromkeys(request.models):
        order = request.order
        if order == AUTO:
            order = highest_order(paths, best) if model == MARKOV_SHAPLEY else best
        fitted += fit_models(paths, [model], order, request.convention, request.confidence)
    return fitted


def _changes(earlier: Paths, fitted: list[Credits], request: Request) -> pd.DataFrame:
    """What moved since, for every model whose credits share out the total."""
    tables = []
    for now in fitted:
        if now.sums_to_total:
            order = 1 if now.order is None else now.order
            (before,) = fit_models(earlier, [now.model], order, request.convention, request.confidence)
            tables.append(compare(before, now, interval_z(request.confidence)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=CHANGE_COLUMNS)


def _order_notes(fitted: list[Credits], scores: pd.DataFrame | None) -> list[str]:
    if scores is None:
        return []
    best = best_order(scores)
    notes = [
        f"{credits.model}: order {credits.order}, for a chain of order {best} has too many states for coalitions"
        for credits in fitted
        if credits.order is not None and credits.order < best
    ]
    if best == int(scores["order"].max()):
        notes.append(f"order {best} is the highest tried; a longer memory may do better: --order {best + 1}")
    return notes


def _sampling_notes(fitted: list[Credits]) -> list[str]:
    """Whether the coalitions of a model were too many to count all."""
    return [
        f"{credits.model}: the coalitions of so many channels are sampled (seeded, the same every time); the error of "
        "sampling is part of the intervals"
        for credits in fitted
        if credits.is_sampled
    ]


def _notes(paths: Paths) -> list[str]:
    notes = []
    conversions = float(paths.conversions.sum())
    if not conversions:
        notes.append("no conversion at all: every credit is 0")
    elif conversions < FEW_CONVERSIONS:
        notes.append(f"{conversions:.4g} conversions only: take credits and intervals as a hint, not as a measure")
    if len(paths.channels) == 1:
        notes.append(f"one channel only, {paths.channels[0]}: every model gives it everything")
    return notes


def _totals(paths: Paths, has_value: bool) -> dict[str, Any]:
    return {
        "paths": len(paths),
        "channels": len(paths.channels),
        "longest_path": int(paths.lengths.max()),
        "journeys": paths.journeys,
        "conversions": float(paths.conversions.sum()),
        "value": float(paths.value.sum()) if has_value else None,
    }
