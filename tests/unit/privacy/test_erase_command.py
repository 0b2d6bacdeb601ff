"""`millibar erase` on the command line: what it prints, and what it returns."""

from __future__ import annotations

import json

import pytest

from millibar.command import main
from millibar.settings import Settings
from unit.privacy.town import Town

CUSTOMER, MAIL = "c_zoe", "zoe.durand@example.org"


@pytest.fixture
def town(warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Town:
    monkeypatch.setattr(Settings, "from_environment", classmethod(lambda cls: settings))
    town = Town(warehouse, settings)
    town.value("email", MAIL, CUSTOMER)
    town.record("7", CUSTOMER, email=MAIL)
    town.touch("t1", "2025-02-01", email=MAIL)
    town.build()
    return town


def test_dry_run_then_erasure_then_list(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", CUSTOMER, "--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert "would be erased: 1 CRM records" in dry
    assert town.clear_values() == {MAIL}
    assert main(["erase", "--list"]) == 0
    assert capsys.readouterr().out == "nobody was erased so far\n"
    assert main(["erase", CUSTOMER, "--by", "ann"]) == 0
    real = capsys.readouterr().out
    assert f"customer {CUSTOMER} is erased (erasure 1)" in real
    assert MAIL not in real
    assert [line for line in real.splitlines() if line.startswith("  ")] == [
        line for line in dry.splitlines() if line.startswith("  ")
    ]
    assert main(["erase", "--list"]) == 0
    assert "by ann" in capsys.readouterr().out


def test_json_holds_the_same(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase", CUSTOMER, "--dry-run", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"]["raw.customers"] == {"deleted": 1}
    assert report["rows"]["raw.touchpoints"] == {"made anonymous": 1}
    assert report["erasure_id"] is None
    assert main(["erase", CUSTOMER, "--json", "--by", "ann"]) == 0
    assert json.loads(capsys.readouterr().out)["erasure_id"] == 1
    assert main(["erase", "--list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["erased_by"], listed["rows_erased"]) == ("ann", report["rows"])


@pytest.mark.parametrize("words", [["erase", "nobody"], ["erase", "nobody", "--dry-run"]])
def test_an_unknown_customer_is_one_clear_line(
    town: Town, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(words) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "no customer has the id 'nobody'" in told.err
    assert len(told.err.splitlines()) == 1


def test_without_an_id_it_asks_who(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["erase"]) == 2
    assert "give a CUSTOMER_ID" in capsys.readouterr().out
