"""docs/DATA_MODEL.md, made from the yml beside the models: `python tests/dbt/data_model_page.py` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]
PII = PROJECT / "dbt_project" / "models" / "pii"
PAGE = PROJECT / "docs" / "DATA_MODEL.md"
DOMAINS = {
    "customer": "Customers",
    "touchpoint": "Touchpoints, orders, conversions",
    "attribution": "Attribution",
    "pressure": "Pressure and signals",
    "churn": "Churn, attrition, moments",
    "market": "Dimensions and benchmarks",
}
HEAD = """# Data model

Made from the descriptions beside the dbt models by `python tests/dbt/data_model_page.py`; a test holds it against them.
Contracts are enforced: a column that is missing or of another type stops the build.

`customer_id` is the unified customer. Moments (`_at`) are UTC, days (`_on`, `day`) are days of the business time zone
(`MILLIBAR_TIMEZONE`), money is in the reporting currency (dbt variable `reporting_currency`), shares run from 0 to 1.
Personal data is in schema `pii` only; everything else carries keyed hashes.

The customer view: `dim_customer` (one row a customer: golden values as hashes, consent, value, preferences),
`dim_customer_identifier` (each identifier, whose it was when, what it may be used for), `dim_customer_channel` (consent
and since when, first and last seen), `identity_crosswalk` (the customer of each CRM record, now and before),
`customer_alias` (what a retired id means now), `pii.customer_golden` (clear golden values: which record, which rule,
what lost). Golden values follow `seeds/survivorship_rules.csv`, `source_trust.csv` and `placeholder_values.csv`; a
change there is taken up by the next run. What joined two records, or kept them apart, is in `identity_evidence`;
`dim_household` is for analysis and never for contact.

Attribution: `fct_journey` (what each customer saw before a conversion, or before giving up), `fct_attributed_touchpoint`
(credit of each touch under each model), `fct_channel_attribution`, `fct_campaign_attribution` and
`fct_segment_attribution` (summed over the window, with intervals; the fitted models as fitted), `fct_attribution_change`,
`fct_experiment_effect`, `fct_response_curve`, `fct_budget_plan`. Journey rules are variables of `dbt_project.yml`
(`lookback_days` to `path_transform`): after a change rebuild with `dbt build --full-refresh --select fct_conversion+`.
Rules of credit (`position_rules`, `weighted_models` with `seeds/attribution_weights.csv`, `time_decay_half_life_days`,
`same_touch_minutes`) are taken up by the next run; a line more is a model more, with a row in `seeds/model_labels.csv`.

Pressure: `fct_pressure_daily` (decayed contacts after each day with one; macro `pressure_on(day)` gives every customer and
channel on any day), `fct_pressure_state` (what it means to the customer, with action and next moment),
`fct_pressure_state_history` (the same over time; macro `pressure_state_as_of(day)`), `fct_channel_health_daily` (counts
and rates by day, channel and segment; var `health_segments`), `fct_pressure_signal` and `fct_pressure_signal_driver` (signs
and their cause sheets), `fct_pressure_channel` (learned weights and half-lives). Acts of machines are marked
(`fct_touchpoint.is_machine`), counted as opens, and read by nothing that learns.

How layers are built: `dbt build --selector staging | core | marts | reporting` (dbt_project/selectors.yml). Incremental
models take in whole load batches (ops.consumed_batches); the customers and days that change are logged
(`intermediate.customer_changes`, `intermediate.day_changes`) and recomputed by the models that follow, nobody else.
A full refresh of one model wants a full refresh of those after it: `dbt build --full-refresh --select <model>+`.
"""


def render() -> str:
    """The page's text."""
    parts = [HEAD, "## Seeds: what an analyst edits\n", *_seeds()]
    for folder, title in DOMAINS.items():
        parts.append(f"## marts: {title}\n")
        parts.extend(_table(model) for model in _models(PROJECT / "dbt_project" / "models" / "marts" / folder))
    parts.append("## pii: clear values\n\nRead by the pipeline's role alone; never published.\n")
    parts.extend(_table(model) for model in _models(PII, "_pii.yml"))
    parts.append("## reporting: what BI reads\n\nPublished to schema `bi` when the quality gate is green.\n")
    parts.extend(_table(model) for model in _models(PROJECT / "dbt_project" / "models" / "reporting"))
    return "\n".join(parts)


def _models(folder: Path, pattern: str = "[!_]*.yml") -> list[dict[str, Any]]:
    files = sorted(folder.glob(pattern))
    return [model for path in files for model in yaml.safe_load(path.read_text())["models"]]


def _table(model: dict[str, Any]) -> str:
    lines = [
        f"### {model['name']}\n",
        model["description"].strip() + "\n",
        "| column | type | meaning |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {column['name']} | {column['data_type']} | {_cell(column['description'])} |" for column in model["columns"]
    ]
    return "\n".join(lines) + "\n"


def _seeds() -> list[str]:
    seeds = yaml.safe_load((PROJECT / "dbt_project" / "seeds" / "_seeds.yml").read_text())["seeds"]
    lines = ["| seed | what it holds |", "| --- | --- |"]
    return ["\n".join([*lines, *(f"| {seed['name']} | {_cell(seed['description'])} |" for seed in seeds)]) + "\n"]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render())
