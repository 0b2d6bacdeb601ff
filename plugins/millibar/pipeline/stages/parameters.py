"""Parameters of the estimation stages: the library's defaults, changed where dbt_project.yml says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from millibar.settings import Settings

Parameters = TypeVar("Parameters")

VARIABLE = "estimation"
# Numbers SQL and estimation share: the dbt variable that holds each, so that it is changed in one place.
SHARED = {
    ("attribution", "window_days"): "attribution_window_days",
    ("attribution", "interval_z"): "interval_z",
    ("calibration", "interval_z"): "interval_z",
    ("budget", "interval_z"): "interval_z",
    ("hazard", "age_hours"): "conversion_age_hours",
    ("hazard", "lookback_days"): "lookback_days",
    ("churn", "horizon_days"): "churn_horizon_days",
    ("tolerance", "rho"): "default_tolerance",
    ("detection", "baseline_days"): "baseline_days",
    ("detection", "baseline_lag_days"): "baseline_gap_days",
}


def load(settings: Settings, section: str, default: Parameters) -> Parameters:
    """``default`` with what ``vars: estimation: <section>:`` of dbt_project.yml changes, and the shared variables.

    Raises ``ValueError`` on a name the parameters do not have, or on a value of another kind than the default.
    """
    path = settings.dbt_project / "dbt_project.yml"
    variables = dbt_variables(path)
    changes = {
        name: variables[variable]
        for (owner, name), variable in SHARED.items()
        if owner == section and variable in variables
    }
    changes |= section_of(variables, section, path)
    known = {field.name: getattr(default, field.name) for field in fields(default)}  # type: ignore[arg-type]
    for name, value in changes.items():
        where = f"{path}: vars.{VARIABLE}.{section}.{name}"
        if name not in known:
            raise ValueError(
                f"{where} is no parameter of {type(default).__name__}; known are {', '.join(sorted(known))}"
            )
        changes[name] = _as_kind(known[name], value, where)
    return replace(default, **changes)  # type: ignore[type-var]


def section_of(variables: Mapping[str, Any], section: str, path: Path) -> dict[str, Any]:
    """What ``vars: estimation: <section>:`` holds; empty where there is none."""
    estimation = variables.get(VARIABLE) or {}
    found = estimation.get(section) or {} if isinstance(estimation, Mapping) else None
    if not isinstance(found, Mapping):
        raise ValueError(f"{path}: vars.{VARIABLE}.{section} must be a mapping of parameter names to values")
    return dict(found)


@cache
def _read(path: Path, _changed_at: float) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text()) or {}).get("vars") or {}


def dbt_variables(path: Path) -> dict[str, Any]:
    """The variables of a dbt_project.yml; none where there is no such file."""
    return _read(path, path.stat().st_mtime) if path.exists() else {}


def _as_kind(default: Any, value: Any, where: str) -> Any:
    if isinstance(default, dict) and isinstance(value, Mapping):
        return default | dict(value)
    if isinstance(default, bool) or not isinstance(default, int | float):
        accepted = type(value) is type(default)
    else:
        accepted = isinstance(value, int | float) and not isinstance(value, bool)
        if accepted and isinstance(default, int):
            accepted = float(value).is_integer()
    if not accepted:
        raise ValueError(f"{where} is {value!r}; write a value like {default!r}")
    return type(default)(value)
