"""The rules of identity with what an analyst changes in dbt_project.yml, and their fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from millibar.identity.clustering import ClusterRules
from millibar.identity.guards import Guards
from millibar.identity.rules import HubLimit, IdentityRules
from millibar.pipeline.stages.parameters import dbt_variables, section_of
from millibar.settings import Settings

IDENTITY = ("limits", "placeholders", "rule_scores", "minimum_score", "phone_region")
CLUSTERS = ("threshold", "missing", "conflict_share", "review", "guards")


@dataclass(frozen=True)
class Rules:
    """What identifiers may do, and what makes one person of two records."""

    identity: IdentityRules
    clusters: ClusterRules

    def version(self) -> str:
        """Fingerprint of all that decides who is who, but for normal forms and the matching model."""
        identity = self.identity
        told = (
            sorted(map(repr, identity.limits)), sorted(identity.rule_scores.items()), identity.minimum_score,
            identity.shared_types, identity.shared_reasons, self.clusters.threshold, self.clusters.missing,
            self.clusters.conflict_share, self.clusters.review, sorted(self.clusters.guards.modes.items()),
            self.clusters.guards.unreliable_share,
        )  # fmt: skip
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def load_rules(settings: Settings) -> Rules:
    """The rules with what ``vars: estimation: identity:`` of dbt_project.yml changes.

    ``limits``: a list of {node_type, counted_type, limit}, each in place of the default of the same pair.
    ``placeholders``: lists by identifier type, in addition to the known ones. ``rule_scores``, ``minimum_score``,
    ``phone_region``. ``threshold``, ``missing``, ``conflict_share``, ``review`` ([low, high]) and ``guards`` (name: on,
    off or auto) of the clustering.
    """
    path = settings.dbt_project / "dbt_project.yml"
    changes = section_of(dbt_variables(path), "identity", path)
    unknown = set(changes) - {*IDENTITY, *CLUSTERS}
    if unknown:
        raise ValueError(
            f"{path}: vars.estimation.identity has no {', '.join(sorted(unknown))}; "
            f"it may hold {', '.join((*IDENTITY, *CLUSTERS))}"
        )
    return Rules(_identity(changes), _clusters(changes, path))


def _identity(changes: Mapping[str, Any]) -> IdentityRules:
    rules = IdentityRules()
    limits = {(limit.node_type, limit.counted_type): limit for limit in rules.limits}
    for row in changes.get("limits", []):
        limit = HubLimit(str(row["node_type"]), str(row["counted_type"]), int(row["limit"]))
        limits[limit.node_type, limit.counted_type] = limit
    placeholders = dict(rules.placeholders)
    for kind, values in changes.get("placeholders", {}).items():
        placeholders[kind] = (*placeholders.get(kind, ()), *(str(value) for value in values))
    simple = {name: changes[name] for name in ("minimum_score", "phone_region") if name in changes}
    return replace(
        rules,
        limits=tuple(limits.values()),
        placeholders=placeholders,
        rule_scores=rules.rule_scores | changes.get("rule_scores", {}),
        **simple,
    )


def _clusters(changes: Mapping[str, Any], path: Path) -> ClusterRules:
    rules = ClusterRules()
    told: dict[str, Any] = {
        name: float(changes[name]) for name in ("threshold", "missing", "conflict_share") if name in changes
    }
    if "review" in changes:
        low, high = changes["review"]
        told["review"] = (float(low), float(high))
    if "guards" in changes:
        # YAML reads on and off as yes and no
        words = {True: "on", False: "off"}
        modes = {str(name): words.get(mode, mode) for name, mode in changes["guards"].items()}
        try:
            told["guards"] = Guards(dict(rules.guards.modes) | modes)
        except ValueError as fault:
            raise ValueError(f"{path}: vars.estimation.identity.guards: {fault}") from fault
    for name in ("threshold", "missing", "conflict_share"):
        if not 0 <= told.get(name, 0) <= 1:
            raise ValueError(f"{path}: vars.estimation.identity.{name} is {told[name]:g}; write a share from 0 to 1")
    return replace(rules, **told)
