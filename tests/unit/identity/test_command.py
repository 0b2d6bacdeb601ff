"""`millibar identify` and `millibar explain` on files: what is written and printed, and clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from millibar.command import main

RECORDS = """record_id;first_name;last_name;birth_date;email;phone;who
s1;Jean-Pierre;DUPONT;12/03/1961;jp.dupont@orange.fr;06 12 34 56 70;A
w1;JP;Dupont;1961-03-12;jp.dupont@orange.fr;;A
c1;Dupont;Jean Pierre;12/03/1961;;+33612345670;A
s2;Marie;Dupont;14/05/1963;jp.dupont@orange.fr;;B
s3;;;;;;C
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.csv"
    path.write_text(RECORDS)
    return path


def test_identify_writes_the_mapping_and_the_metrics(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mapping, figures = file.with_name("mapping.csv"), file.with_name("metrics.json")
    assert main(["identify", str(file), "-o", str(mapping), "--json", str(figures), "--truth", "who"]) == 0
    found = pd.read_csv(mapping, dtype=str)
    assert found.columns.tolist() == ["record_id", "customer_id", "confidence"]
    assert found["record_id"].tolist() == ["s1", "w1", "c1", "s2", "s3"]
    customers = found.set_index("record_id")["customer_id"]
    assert customers["s1"] == customers["w1"] == customers["c1"]
    assert customers.nunique() == 3
    metrics = json.loads(figures.read_text())
    assert (metrics["records"], metrics["customers"], metrics["quality"]["pairwise_f1"]) == (5, 3, 1.0)
    printed = capsys.readouterr()
    assert "pairwise_f1" in printed.out
    assert "given_name: column first_name" in printed.err


def test_previous_ids_and_decisions(file: Path) -> None:
    mapping = file.with_name("mapping.csv")
    previous, decisions = file.with_name("previous.csv"), file.with_name("decisions.csv")
    previous.write_text("record_id,customer_id,confidence\ns1,old,1\n")
    decisions.write_text("left_record,right_record,decision\ns1,s3,same\n")
    words = ["identify", str(file), "-o", str(mapping), "--previous", str(previous), "--decisions", str(decisions)]
    assert main(words) == 0
    customers = pd.read_csv(mapping, dtype=str).set_index("record_id")["customer_id"]
    assert customers[["s1", "w1", "s3"]].tolist() == ["old"] * 3


def test_a_model_is_kept_and_used_again(file: Path) -> None:
    mapping, model = file.with_name("mapping.csv"), file.with_name("model.json")
    assert main(["identify", str(file), "-o", str(mapping), "--model", str(model)]) == 0
    first = mapping.read_text()
    assert main(["identify", str(file), "-o", str(mapping), "--model", str(model)]) == 0
    assert mapping.read_text() == first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["identify", "missing.csv", "-o", "m.csv"], "missing.csv: cannot be read"),
        (["identify", "records.csv", "-o", "nowhere/m.csv"], "there is no folder"),
        (
            ["identify", "records.csv", "-o", "m.csv", "--truth", "person"],
            "--truth person: the records have no such column",
        ),
        (["identify", "records.csv", "-o", "m.csv", "--config", "identity.yml"], "threshold: 'high' is no number"),
        (["explain", "s1", "zz", "--file", "records.csv"], "no record 'zz'"),
    ],
)
def test_errors_are_one_clear_message(
    file: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "identity.yml").write_text("threshold: high\n")
    assert main(words) == 1
    assert message in capsys.readouterr().err
    assert not (file.parent / "m.csv").exists()


def test_explain_tells_the_evidence(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "s1", "c1", "--file", str(file)]) == 0
    told = capsys.readouterr().out
    assert "s1 and c1 are one customer" in told
    assert "first and family name exchanged" in told
    assert main(["explain", "s1", "s2", "--file", str(file), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["same_customer"] is False
    assert "s1 and s2 are two customers" in printed["verdict"]
    assert {row["comparison"] for row in printed["evidence"]} >= {"prior", "name", "birth_date", "email"}
    assert main(["explain", "w1", "c1", "--file", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["same_customer"] is True


def test_explain_shows_the_path_through_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        "a,Marie,Delorme,marie.d@orange.fr,,",
        "b,Marie,Delorme,marie.d@orange.fr,0612345670,1972-04-17",
        "c,,,,0612345670,1972-04-17",
    ]
    path = tmp_path / "r.csv"
    path.write_text("record_id,first_name,last_name,email,phone,birth_date\n" + "\n".join(rows) + "\n")
    config = tmp_path / "identity.yml"
    config.write_text("threshold: 0.4\n")
    assert main(["explain", "a", "c", "--file", str(path), "--config", str(config), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["same_customer"] is True
    assert [step[:2] for step in told["path"]] == [["a", "b"], ["b", "c"]]
