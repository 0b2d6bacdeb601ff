"""What one person cannot be: other cards, other births, other first names, and when a guard is not believed."""

import numpy as np
import pandas as pd
import pytest

from millibar.identity.guards import BITS, Guards, active_guards, conflicts, reason_of

COLUMNS = ["given_name", "family_name", "name_key", "birth_date", "loyalty_id"]


def records(*rows: dict[str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=COLUMNS).astype(object)
    frame["name_key"] = [
        " ".join(sorted(str(word) for word in names if isinstance(word, str)))
        for names in zip(frame["given_name"], frame["family_name"], strict=True)
    ]
    return frame


def broken(first: dict[str, str], second: dict[str, str]) -> set[str]:
    pair = np.array([0]), np.array([1])
    forward = conflicts(records(first, second), *pair, tuple(BITS))[0]
    assert forward == conflicts(records(second, first), *pair, tuple(BITS))[0]
    return {name for name, bit in BITS.items() if forward & bit}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("jean", "jean"),
        ("francois", "fracois"),  # a slip
        ("alexandre", "alex"),
        ("marie claude", "marie"),
        ("jean pierre", "jp"),
        ("j", "jacques"),
        ("christophe", "christophe andre"),
    ],
)
def test_spellings_of_one_first_name_are_no_conflict(one: str, other: str) -> None:
    assert broken({"given_name": one}, {"given_name": other}) == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [("jean", "paul"), ("marie", "sophie"), ("hugo", "lea"), ("jacques", "jacqueline"), ("jean", "jeanne paule")],
)
def test_another_first_name_is_a_conflict(one: str, other: str) -> None:
    assert broken({"given_name": one}, {"given_name": other}) == {"given_name"}


def test_swapped_first_and_last_name_is_no_conflict() -> None:
    one = {"given_name": "thomas", "family_name": "garnier"}
    assert broken(one, {"given_name": "garnier", "family_name": "thomas"}) == set()


def test_twins_are_kept_apart_by_their_first_names() -> None:
    one = {"given_name": "lea", "family_name": "roux", "birth_date": "1990-05-06"}
    assert broken(one, one | {"given_name": "manon"}) == {"given_name"}


def test_father_and_son_of_one_name_are_kept_apart_by_their_birth_dates() -> None:
    father = {"given_name": "jean", "family_name": "roux", "birth_date": "1950-05-06"}
    assert broken(father, father | {"birth_date": "1978-11-21"}) == {"birth_date"}


@pytest.mark.parametrize(
    "other", ["1980-03-04", "1980-04-03", "1981-03-04", "1980-03-14", "1908-03-04", "1980", "1981", None]
)
def test_a_slip_in_a_birth_date_is_no_conflict(other: str | None) -> None:
    assert broken({"birth_date": "1980-03-04"}, {"birth_date": other}) == set()


@pytest.mark.parametrize("other", ["1980-12-25", "1952-11-04", "1978"])
def test_birth_dates_far_apart_are_a_conflict(other: str) -> None:
    assert broken({"birth_date": "1980-03-04"}, {"birth_date": other}) == {"birth_date"}


def test_a_second_card_of_one_person_is_no_conflict() -> None:
    one = {"given_name": "anne", "family_name": "roy", "birth_date": "1980-03-04", "loyalty_id": "1"}
    assert broken(one, one | {"loyalty_id": "2"}) == set()
    assert broken(one, one | {"loyalty_id": "2", "birth_date": None}) == {"loyalty_id"}


def test_missing_values_break_nothing() -> None:
    full = {"given_name": "anne", "family_name": "roy", "birth_date": "1980-03-04", "loyalty_id": "1"}
    assert broken(full, {}) == set()


@pytest.mark.parametrize("value", ["", " ", "'; drop table x; --", "\u202e", "😀", "1980-13-45", "x" * 500])
def test_hostile_values_do_not_stop_the_check(value: str) -> None:
    row = dict.fromkeys(COLUMNS, value)
    told = broken(row, {"given_name": "anne", "birth_date": "1980-03-04", "loyalty_id": "1"})
    assert "loyalty_id" in told  # whatever it says, it is not the other's card


def test_a_guard_the_data_do_not_bear_out_is_dropped() -> None:
    """Persons of history: their birth dates differ from record to record although all else agrees."""
    rows = [{"given_name": "anne", "birth_date": f"18{i % 90 + 10}-0{i % 9 + 1}-1{i % 9}"} for i in range(600)]
    left, right = np.arange(0, 600, 2), np.arange(1, 600, 2)
    sure = np.full(300, 0.9999)
    assert active_guards(records(*rows), left, right, sure, Guards()) == ("loyalty_id", "given_name")
    forced = Guards({"birth_date": "on", "given_name": "off"})
    assert active_guards(records(*rows), left, right, sure, forced) == ("loyalty_id", "birth_date")


def test_few_sure_pairs_do_not_drop_a_guard() -> None:
    rows = records({"birth_date": "1980-03-04"}, {"birth_date": "1950-11-21"})
    assert "birth_date" in active_guards(rows, np.array([0]), np.array([1]), np.array([0.9999]), Guards())


def test_unknown_guards_are_refused() -> None:
    with pytest.raises(ValueError, match="shoe_size"):
        Guards({"shoe_size": "on"})


def test_the_reason_names_the_guard() -> None:
    assert reason_of(BITS["birth_date"]) == "birth dates far apart"
    assert reason_of(0) == ""
