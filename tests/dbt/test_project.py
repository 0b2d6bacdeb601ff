"""The dbt project keeps its own rules: names, descriptions, contracts, portable SQL, no secrets, page up to date."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt.data_model_page import PAGE, render
from millibar.sources.contracts import CHANNELS, FEEDS

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
MODELS = sorted((PROJECT / "models").rglob("*.sql"))
CONTRACTED = [path for path in MODELS if path.parts[-3] == "marts" or path.parent.name == "reporting"]
PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "marts": ("dim_", "fct_", "identity_", "customer_alias"),
    "pii": ("customer_",),
    "reporting": ("rpt_",),
}
# SQL that other engines spell differently; it belongs in macros/cross_db.
ENGINE_SQL = re.compile(
    r"::|\bgenerate_series\b|\binterval '|\bdistinct on\b|\bilike\b|\bfilter \(where|\bat time zone\b|\barray_agg\b|"
    r"\bmd5\(|\bis distinct from\b|\bon conflict\b|(?<!')\breturning\b|\bunnest\b|\bto_timestamp\b|"
    r"\bjsonb?\b|\bwithin group\b|\btemporary table\b|\bcreate (unique )?index\b|\bextract\(epoch|\bpg_",
    re.IGNORECASE,
)


def layer(path: Path) -> str:
    return path.relative_to(PROJECT / "models").parts[0]


def described(path: Path) -> dict[str, Any]:
    """The yml of a contracted model."""
    page: dict[str, Any] = yaml.safe_load(path.with_suffix(".yml").read_text())["models"][0]
    return page


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_name_says_the_layer_and_is_short(path: Path) -> None:
    assert path.stem.startswith(PREFIXES[layer(path)])
    assert len(path.stem) <= 50
    if layer(path) == "intermediate":
        assert path.stem.startswith(f"int_{path.parent.name}__")


@pytest.mark.parametrize("path", CONTRACTED, ids=lambda path: path.stem)
def test_every_column_of_marts_and_reporting_is_described(path: Path) -> None:
    model = described(path)
    assert model["name"] == path.stem
    assert len(model["description"]) > 20
    undescribed = [column["name"] for column in model["columns"] if len(column.get("description", "")) < 4]
    untyped = [column["name"] for column in model["columns"] if not column.get("data_type")]
    assert (undescribed, untyped) == ([], [])


@pytest.mark.parametrize("path", [path for path in MODELS if path not in CONTRACTED], ids=lambda path: path.stem)
def test_every_other_model_is_described(path: Path) -> None:
    pages = [yaml.safe_load(page.read_text()) for page in path.parent.glob("_*.yml")]
    texts = {model["name"]: model.get("description", "") for page in pages for model in page.get("models", [])}
    assert len(texts.get(path.stem, "")) > 10


def test_contracts_are_enforced() -> None:
    models = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["models"]["millibar"]
    assert models["marts"]["+contract"] == {"enforced": True}
    assert models["reporting"]["+contract"] == {"enforced": True}
    assert [path.stem for path in MODELS if re.search(r"\bcontract\b\W*[=:]", path.read_text())] == []


@pytest.mark.parametrize(
    "path",
    [
        *MODELS,
        *sorted((PROJECT / "tests").rglob("*.sql")),
        *(path for path in sorted((PROJECT / "macros").rglob("*.sql")) if path.parent.name != "cross_db"),
    ],
    ids=lambda path: path.stem,
)
def test_sql_of_one_engine_stays_in_cross_db(path: Path) -> None:
    assert [match.group(0) for match in ENGINE_SQL.finditer(without_comments(path))] == []


def test_the_rule_on_engine_sql_sees_what_it_forbids() -> None:
    """Each expression is found in cross_db: a rule that matches nothing would hold for ever."""
    text = "\n".join(path.read_text() for path in (PROJECT / "macros" / "cross_db").glob("*.sql"))
    found = {match.group(0).lower() for match in ENGINE_SQL.finditer(text)}
    assert {"generate_series", "at time zone", "md5(", "is distinct from", "array_agg"} <= found


def test_no_model_is_ephemeral() -> None:
    """A parsed project is used for several calls: dbt would put an ephemeral model into the others' SQL only once."""
    texts = {path: path.read_text() for path in (*MODELS, *PROJECT.rglob("*.yml"))}
    assert [path for path, text in texts.items() if re.search(r"materialized\W+ephemeral", text)] == []


def test_profile_holds_no_secret() -> None:
    target = yaml.safe_load((PROJECT / "profiles.yml").read_text())["millibar"]["outputs"]["warehouse"]
    named = ("host", "port", "user", "password", "dbname", "sslmode", "threads")
    assert [key for key in named if "env_var(" not in str(target[key])] == []


def test_personal_data_is_out_of_reach() -> None:
    """Schema pii is read and written by the models of folder pii; one model outside counts what they hold."""
    sources = yaml.safe_load((PROJECT / "models" / "staging" / "_sources.yml").read_text())["sources"]
    assert {source["schema"] for source in sources} == {"raw", "ops", "scores", "pii"}
    models = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["models"]["millibar"]
    assert models["pii"]["+schema"] == "pii"
    personal = [path.stem for path in MODELS if layer(path) == "pii"]
    reads = re.compile(rf"\bpii\.|source\('pii'|ref\('({'|'.join(personal)})'\)")
    outside = {path.stem for path in MODELS if layer(path) != "pii" and reads.search(without_comments(path))}
    assert outside == {"int_customer__completeness"}
    assert not re.search(r"\bvalue\b|losing", without_comments(model("int_customer__completeness")))


HOUSEHOLD_MODELS = {"dim_customer", "dim_household"}


def test_households_are_for_analysis_and_never_for_contact() -> None:
    """No model but the two that show them, and no stage but the one that finds them, reads households."""
    told = {path.stem for path in MODELS if "household" in without_comments(path)}
    assert told == HOUSEHOLD_MODELS
    assert {path.stem for path in CONTRACTED if any("household" in c["name"] for c in described(path)["columns"])} == (
        HOUSEHOLD_MODELS
    )
    assert "analysis only" in described(model("dim_customer"))["columns"][household_column()]["description"]
    stages = PROJECT.parent / "plugins" / "millibar"
    contact_rules = [
        path for name in ("attribution", "pressure", "churn", "moments") for path in (stages / name).rglob("*.py")
    ]
    for name in ("attribution", "pressure", "churn"):
        contact_rules += sorted((stages / "pipeline" / "stages" / name).rglob("*.py"))
    assert len(contact_rules) > 10
    assert [path.stem for path in contact_rules if "household" in path.read_text()] == []


def household_column() -> int:
    return [column["name"] for column in described(model("dim_customer"))["columns"]].index("household_id")


def model(name: str) -> Path:
    return next(path for path in MODELS if path.stem == name)


def without_comments(path: Path) -> str:
    return re.sub(r"--[^\n]*|\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


def test_page_of_the_data_model_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run python tests/dbt/data_model_page.py"


def test_every_field_of_the_customers_feed_has_a_rule() -> None:
    rows = (PROJECT / "seeds" / "survivorship_rules.csv").read_text().splitlines()[1:]
    fields = [row.split(",", 1)[0] for row in rows]
    feed = FEEDS["customers"]
    wanted = {*feed.identifier_columns, *(column.name for column in feed.columns)} - {"record_id", "updated_at"}
    assert sorted(fields) == sorted(wanted)


@pytest.mark.parametrize("seed", ["channel_profiles", "action_plans", "kpi_benchmarks", "exchange_rates"])
def test_every_figure_of_a_seed_names_its_source(seed: str) -> None:
    header, *rows = (PROJECT / "seeds" / f"{seed}.csv").read_text().splitlines()
    assert header.split(",")[-1] == "source"
    assert len(rows) >= 10
    told = [row.rsplit(",", 1)[-1] for row in rows]
    assert [text for text in told if not text.startswith(("public:", "house estimate", "definition"))] == []


def test_every_channel_of_the_contract_has_a_profile() -> None:
    """Weights are not negative, hours are hours, and who weighs something decays; dbt tests hold it for added rows."""
    with (PROJECT / "seeds" / "channel_profiles.csv").open(newline="") as file:
        profiles = {row["channel"]: row for row in csv.DictReader(file)}
    assert set(CHANNELS) <= set(profiles)
    for channel, row in profiles.items():
        assert float(row["pressure_weight"]) >= 0, channel
        assert float(row["persistence_days"]) > 0, channel
        assert 0 <= float(row["intrusiveness"]) <= float(row["intrusiveness_mobile"]) <= 1, channel
        assert {int(row[name]) for name in ("quiet_from_hour", "quiet_to_hour")} <= set(range(24)), channel
        assert {row[name] for name in row if name.startswith("machine_")} <= {"true", "false"}, channel
        assert (float(row["pressure_weight"]) > 0) >= (int(row["weekly_cap"]) > 0), channel
