"""identity.yml: what an analyst may say about files of records, checked; errors name the key and the mend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from millibar.identity.clustering import ClusterRules
from millibar.identity.guards import BITS, Guards
from millibar.identity.matching.detection import extra_name
from millibar.identity.matching.plan import DATE_FORMATS, Extra, ExtraKind, Field, MatchPlan, in_order
from millibar.identity.rules import IdentityRules

KEYS = (
    "columns",
    "ignore",
    "extras",
    "date_formats",
    "phone_region",
    "placeholders",
    "threshold",
    "missing",
    "guards",
    "review",
)


class ConfigurationError(ValueError):
    """identity.yml cannot be used; the message names the key and the mend."""


@dataclass(frozen=True)
class Configuration:
    """What identity.yml changes; empty, everything is detected and the defaults hold."""

    columns: Mapping[str, str]
    ignore: tuple[str, ...]
    extras: tuple[Extra, ...] | None
    date_formats: tuple[str, ...] | None
    placeholders: Mapping[str, tuple[str, ...]]
    phone_region: str | None
    cluster: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Configuration:
        """Read and check a file; raises :class:`ConfigurationError`."""
        try:
            told = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except OSError as fault:
            raise ConfigurationError(f"{path}: cannot be read ({fault.strerror}); check the path") from fault
        except (yaml.YAMLError, UnicodeDecodeError) as fault:
            raise ConfigurationError(f"{path}: is no YAML: {fault}") from fault
        return cls.of(told, str(path))

    @classmethod
    def of(cls, told: Any, where: str = "identity.yml") -> Configuration:
        """Check what a file says."""
        if not isinstance(told, dict):
            raise ConfigurationError(f"{where}: must be keys with values; known keys are {', '.join(KEYS)}")
        _only(told, KEYS, where)
        region = told.get("phone_region")
        if region is not None and not (isinstance(region, str) and len(region) == 2 and region.isalpha()):
            raise ConfigurationError(
                f"{where}: phone_region: {region!r} is no country code; give two letters such as FR"
            )
        return cls(
            columns=_columns(told.get("columns") or {}, where),
            ignore=_texts(told.get("ignore") or [], f"{where}: ignore"),
            extras=_extras(told["extras"], where) if told.get("extras") is not None else None,
            date_formats=_formats(told.get("date_formats"), where),
            placeholders=_placeholders(told.get("placeholders") or {}, where),
            phone_region=region.upper() if region else None,
            cluster=_cluster(told, where),
        )

    def plan(self, detected: MatchPlan, columns: Iterable[str]) -> MatchPlan:
        """The detected plan with what the file says instead; ``columns``: those of the records."""
        present = set(columns)
        for key, column in (*self.columns.items(), *((f"extras: {x.column}", x.column) for x in self.extras or ())):
            if column not in present:
                raise ConfigurationError(
                    f"columns: {key}: the records have no column {column!r}; they have {', '.join(sorted(present))}"
                )
        named = set(self.columns.values())
        kept = {name: column for name, column in detected.columns if column not in named}
        merged = {name: column for name, column in (kept | dict(self.columns)).items() if column not in self.ignore}
        extras = detected.extras if self.extras is None else self.extras
        used = {*merged.values(), *self.ignore}
        return replace(
            detected,
            columns=in_order(merged),
            extras=tuple(extra for extra in extras if extra.column not in used),
            date_formats=self.date_formats or detected.date_formats,
            placeholders=tuple(sorted(self.placeholders.items())),
        )

    def rules(self) -> IdentityRules:
        rules = IdentityRules()
        return replace(rules, phone_region=self.phone_region) if self.phone_region else rules

    def cluster_rules(self) -> ClusterRules:
        return ClusterRules(**self.cluster)


def _only(told: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in told:
        if key not in known:
            raise ConfigurationError(f"{where}: {key}: no such key; known are {', '.join(known)}")


def _columns(told: Any, where: str) -> dict[str, str]:
    if not isinstance(told, dict):
        raise ConfigurationError(f"{where}: columns: give field: column pairs, as email: mail_address")
    _only(told, [str(name) for name in Field], f"{where}: columns")
    for name, column in told.items():
        if not isinstance(column, str) or not column:
            raise ConfigurationError(f"{where}: columns: {name}: {column!r} is no column name")
    return dict(told)


def _texts(told: Any, where: str) -> tuple[str, ...]:
    values = [told] if isinstance(told, str) else told
    if not isinstance(values, list):
        raise ConfigurationError(f"{where}: give a list of texts")
    # YAML reads an unquoted 1900-01-01 as a date
    return tuple(value.isoformat() if isinstance(value, date) else str(value) for value in values)


def _extras(told: Any, where: str) -> tuple[Extra, ...]:
    kinds = ", ".join(ExtraKind)
    if not isinstance(told, dict):
        raise ConfigurationError(f"{where}: extras: give column: kind pairs; kinds are {kinds}")
    for column, kind in told.items():
        if kind not in list(ExtraKind):
            raise ConfigurationError(f"{where}: extras: {column}: {kind!r} is no kind; kinds are {kinds}")
    return tuple(Extra(extra_name(column), str(column), ExtraKind(kind)) for column, kind in told.items())


def _formats(told: Any, where: str) -> tuple[str, ...] | None:
    if told is None:
        return None
    formats = _texts(told, f"{where}: date_formats")
    for form in formats:
        if "%" not in form:
            raise ConfigurationError(f"{where}: date_formats: {form!r} has no % codes; an example is {DATE_FORMATS[2]}")
    return formats


def _placeholders(told: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(told, dict):
        raise ConfigurationError(f"{where}: placeholders: give field: [values] pairs, as phone: ['0600000000']")
    _only(told, [str(name) for name in Field], f"{where}: placeholders")
    return {name: _texts(values, f"{where}: placeholders: {name}") for name, values in told.items()}


def _cluster(told: Mapping[str, Any], where: str) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for key in ("threshold", "missing"):
        if told.get(key) is not None:
            rules[key] = _share(told[key], f"{where}: {key}")
    if "threshold" in rules:
        rules["threshold_without_households"] = rules["threshold"]
    if told.get("review") is not None:
        if not isinstance(told["review"], list) or len(told["review"]) != 2:
            raise ConfigurationError(f"{where}: review: give two probabilities, as [0.3, 0.7]")
        rules["review"] = tuple(_share(value, f"{where}: review") for value in told["review"])
    if told.get("guards") is not None:
        rules["guards"] = _guards(told["guards"], where)
    return rules


def _share(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigurationError(f"{where}: {value!r} is no number from 0 to 1")
    return float(value)


def _guards(told: Any, where: str) -> Guards:
    words: dict[Any, Any] = {True: "on", False: "off"}  # YAML reads on and off as true and false
    if isinstance(told, dict):
        modes = {str(name): words[mode] if isinstance(mode, bool) else mode for name, mode in told.items()}
    else:
        modes = dict.fromkeys(BITS, words[told] if isinstance(told, bool) else told)
    try:
        return Guards(modes)
    except (ValueError, TypeError) as fault:
        raise ConfigurationError(f"{where}: guards: {fault}") from fault
