"""A model as one file, with its frequencies and hot blocks: it holds personal values, so it is the owner's to read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd

from millibar.identity.matching.model import FREQUENCY_COLUMNS, HOT_COLUMNS, MatchModel


def save_model(model: MatchModel, path: Path) -> None:
    """Write the model; the file is readable by its owner only, for frequencies are values of persons."""
    told = {
        "model": json.loads(model.to_json()),
        "frequencies": model.frequencies[FREQUENCY_COLUMNS].to_numpy().tolist(),
        "hot_blocks": model.hot_blocks[HOT_COLUMNS].to_numpy().tolist(),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(told, file, ensure_ascii=False)


def load_model(path: Path) -> MatchModel:
    """Read what :func:`save_model` wrote; ``ValueError`` where the file is something else or of another version."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        frequencies = pd.DataFrame(told["frequencies"], columns=FREQUENCY_COLUMNS).astype({"frequency": float})
        hot_blocks = pd.DataFrame(told["hot_blocks"], columns=HOT_COLUMNS).astype({"block": "int64"})
        text = json.dumps(told["model"])
    except (ValueError, KeyError, TypeError) as fault:
        raise ValueError(f"{path}: is no model file of `millibar identify --model`: {fault}") from fault
    return MatchModel.from_json(text, frequencies, hot_blocks)
