"""Parameters are changed in dbt_project.yml, and a wrong name or value says where it stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from millibar.attribution import AttributionParameters
from millibar.identity.clustering import ClusterRules
from millibar.identity.rules import IdentityRules
from millibar.pipeline.stages.identity.rules import Rules, load_rules
from millibar.pipeline.stages.parameters import SHARED, dbt_variables, load
from millibar.pressure.parameters import ToleranceParameters
from millibar.pressure.signals import SignParameters
from millibar.settings import PROJECT_ROOT, Settings


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    (tmp_path / "dbt_project").mkdir()
    settings = Settings.from_environment({"MILLIBAR_STATE": str(tmp_path), "MILLIBAR_HASH_KEY": "0f" * 32})
    return replace(settings, project=tmp_path)


def write(project: Settings, text: str) -> None:
    (project.dbt_project / "dbt_project.yml").write_text(text)


def test_without_a_project_file_the_defaults_hold(project: Settings) -> None:
    assert load(project, "attribution", AttributionParameters()) == AttributionParameters()
    assert load_rules(project) == Rules(IdentityRules(), ClusterRules())


def test_shared_variables_and_overrides(project: Settings) -> None:
    write(
        project,
        "vars:\n  attribution_window_days: 30\n  estimation: {attribution: {comparison_days: 14, weight_floor: 1}}\n",
    )
    found = load(project, "attribution", AttributionParameters())
    assert (found.window_days, found.comparison_days, found.weight_floor) == (30, 14, 1.0)
    assert load(project, "tolerance", ToleranceParameters()) == ToleranceParameters()


def test_mappings_are_merged(project: Settings) -> None:
    write(project, "vars: {estimation: {signs: {value_at_risk: {sales_fall: 99.0}}}}")
    found = load(project, "signs", SignParameters()).value_at_risk
    assert (found["sales_fall"], found["unsubscribes_rise"]) == (99.0, 10.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vars: {estimation: {tolerance: {rhoo: 3}}}", r"vars.estimation.tolerance.rhoo is no parameter"),
        ("vars: {estimation: {tolerance: {rho: high}}}", r"tolerance.rho is 'high'; write a value like 2.0"),
        ("vars: {estimation: {tolerance: {fit_days: 1.5}}}", r"fit_days is 1.5"),
        ("vars: {estimation: {tolerance: 3}}", r"must be a mapping"),
        ("vars: {estimation: 3}", r"must be a mapping"),
    ],
)
def test_mistakes_say_where_they_stand(project: Settings, text: str, message: str) -> None:
    write(project, text)
    with pytest.raises(ValueError, match=message):
        load(project, "tolerance", ToleranceParameters())


def test_identity_rules_are_extended(project: Settings) -> None:
    write(
        project,
        "vars: {estimation: {identity: {limits: [{node_type: phone, counted_type: record, limit: 2}], "
        "placeholders: {email: [shop@brand.fr]}, threshold: 0.7, missing: 0.1, review: [0.4, 0.8], "
        "guards: {given_name: off, birth_date: on}}}}",
    )
    rules, clusters = load_rules(project).identity, load_rules(project).clusters
    limits = {(limit.node_type, limit.counted_type): limit.limit for limit in rules.limits}
    assert limits["phone", "record"] == 2
    assert limits["email", "record"] == 4
    assert {"shop@brand.fr", "na@na.fr"} <= set(rules.placeholders["email"])
    assert (clusters.threshold, clusters.missing, clusters.review) == (0.7, 0.1, (0.4, 0.8))
    assert clusters.guards.modes == {"loyalty_id": "auto", "birth_date": "on", "given_name": "off"}
    assert load_rules(project).version() != Rules(IdentityRules(), ClusterRules()).version()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{limit: 3}", "identity has no limit; it may hold limits"),
        ("{threshold: 7}", "identity.threshold is 7; write a share from 0 to 1"),
        ("{guards: {shoe_size: on}}", "identity.guards: guard shoe_size"),
    ],
)
def test_mistakes_in_identity_say_where_they_stand(project: Settings, text: str, message: str) -> None:
    write(project, f"vars: {{estimation: {{identity: {text}}}}}")
    with pytest.raises(ValueError, match=message):
        load_rules(project)


def test_the_project_holds_the_shared_variables() -> None:
    variables = dbt_variables(PROJECT_ROOT / "dbt_project" / "dbt_project.yml")
    assert set(SHARED.values()) <= set(variables)
