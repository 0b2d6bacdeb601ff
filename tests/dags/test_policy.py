"""Every DAG keeps the house's policy: wiring only, documented, owned, retried, no two runs of a day at once."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FILES = sorted((PROJECT / "dags").glob("*.py"))
HEAVY = {"pandas", "numpy", "scipy", "pyarrow", "duckdb", "great_expectations", "dbt", "sklearn", "plotly", "psycopg2"}

READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print(json.dumps({
    "errors": bag.import_errors,
    "dags": {
        dag.dag_id: {
            "file": dag.fileloc, "doc": dag.doc_md or "", "tags": sorted(dag.tags), "max_active_runs": dag.max_active_runs,
            "catchup": dag.catchup, "partitioned": "Partition" in type(dag.timetable).__name__,
            "tasks": {t.task_id: {
                "owner": t.owner, "retries": t.retries, "callback": bool(t.on_failure_callback),
                "upstream": sorted(t.upstream_task_ids), "mapped": t.is_mapped, "rule": getattr(t.trigger_rule, "value", t.trigger_rule),
            } for t in dag.tasks},
        } for dag in bag.dags.values()},
}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The DAGs as Airflow reads them, in a process of its own."""
    home = tmp_path_factory.mktemp("airflow")
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
    environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    result = subprocess.run(
        [sys.executable, "-c", READ, str(PROJECT / "dags")],
        capture_output=True, text=True, env=environ,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_every_file_is_read_without_an_error(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert {Path(dag["file"]).stem for dag in bag["dags"].values()} == {path.stem for path in FILES}


def test_every_dag_says_what_it_does_and_what_to_do_when_it_fails(bag: dict[str, Any]) -> None:
    for name, dag in bag["dags"].items():
        for word in ("**What**", "**Inputs**", "**Outputs**", "**When it fails**", "**Owner**"):
            assert word in dag["doc"], f"{name} lacks {word}"
        assert "millibar" in dag["tags"]


def test_runs_of_one_dag_never_overlap_and_carry_the_business_date(bag: dict[str, Any]) -> None:
    for name, dag in bag["dags"].items():
        assert dag["max_active_runs"] == 1, name
        assert dag["catchup"] is False, name
        assert dag["partitioned"] is True, name


def test_every_task_has_an_owner_and_tells_its_failure(bag: dict[str, Any]) -> None:
    for name, dag in bag["dags"].items():
        for task_id, task in dag["tasks"].items():
            assert task["owner"] != "airflow", f"{name}.{task_id}"
            assert task["callback"] or task_id == "watch", f"{name}.{task_id}"


def test_publish_comes_after_a_gate_that_is_not_retried(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["millibar_daily"]["tasks"]
    assert tasks["publish"]["upstream"] == ["reporting_gate"]
    assert {tasks[name]["retries"] for name in tasks if name.endswith("_gate")} == {0}


def test_one_bad_source_does_not_stop_the_rest(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["millibar_ingest"]["tasks"]
    assert tasks["load"]["mapped"]
    assert tasks["settle"]["rule"] == "all_done"
    assert tasks["watch"]["rule"] == "one_failed"


def test_the_dag_runs_every_stage_of_the_flow_in_its_order(bag: dict[str, Any]) -> None:
    from millibar.pipeline.flow import STAGES

    tasks = bag["dags"]["millibar_daily"]["tasks"]
    assert set(tasks) == {"begin", *STAGES}
    done = {"begin"}
    for stage in STAGES:
        before = set(tasks[stage]["upstream"])
        assert before <= done, f"{stage} runs before {before - done}"
        done.add(stage)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_wiring(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 150
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "the first line says what the DAG is for"
    top = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert top & HEAVY == set()
