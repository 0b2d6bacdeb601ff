"""Zero configuration: columns are known by their names in any language, or by what they hold."""

from __future__ import annotations

import pandas as pd
import pytest

from millibar.identity.matching.detection import detect
from millibar.identity.matching.plan import ExtraKind


def _frame(columns: dict[str, list[str | None]]) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=object)


def _of(columns: list[str], rows: int = 30) -> pd.DataFrame:
    return _frame({column: [f"v{row % 13}" for row in range(rows)] for column in columns})


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (["given_name", "surname", "street_number", "address_1", "suburb", "postcode"],
         {"given_name": "given_name", "family_name": "surname", "house_number": "street_number", "street": "address_1",
          "city": "suburb", "postal_code": "postcode"}),
        (["Prénom", "NOM", "Ville", "Code Postal", "Pays"],
         {"given_name": "Prénom", "family_name": "NOM", "city": "Ville", "postal_code": "Code Postal", "country": "Pays"}),
        (["First Name", "lastName", "ZIP", "Town"],
         {"given_name": "First Name", "family_name": "lastName", "postal_code": "ZIP", "city": "Town"}),
        (["Vorname", "Nachname", "Straße", "PLZ", "Ort"],
         {"given_name": "Vorname", "family_name": "Nachname", "street": "Straße", "postal_code": "PLZ", "city": "Ort"}),
        (["full_name", "first_and_surname", "first_name", "surname", "postcode_fake"],
         {"given_name": "first_name", "family_name": "surname", "full_name": "full_name", "postal_code": "postcode_fake"}),
    ],
)  # fmt: skip
def test_column_names(columns: list[str], fields: dict[str, str]) -> None:
    plan = detect(_of(columns))
    assert dict(plan.columns) == fields
    assert plan.extras == ()


def test_contents_tell_mails_phones_and_birth_dates() -> None:
    frame = _frame(
        {
            "c1": [f"p{n}@x.fr" for n in range(20)],
            "c2": [f"06 12 34 56 {n:02d}" for n in range(20)],
            "birth info": [f"{n + 1:02d}/03/1961" for n in range(20)],
        }
    )
    assert dict(detect(frame).columns) == {"email": "c1", "phone": "c2", "birth_date": "birth info"}


def test_national_ids_and_other_texts_are_compared() -> None:
    frame = _frame(
        {
            "rec_id": [str(n) for n in range(40)],
            "soc_sec_id": [str(1000 + n // 2) for n in range(40)],
            "occupation": [f"job {n % 15}" for n in range(40)],
            "gender": ["m", "f"] * 20,
            "amount": [str(n % 20) for n in range(40)],
            "remark": [f"a text of its own {n}" for n in range(40)],
        }
    )
    plan = detect(frame)
    assert plan.column("record_id") == "rec_id"
    assert {extra.column: extra.kind for extra in plan.extras} == {
        "soc_sec_id": ExtraKind.IDENTIFIER,
        "occupation": ExtraKind.TEXT,
        "gender": ExtraKind.CATEGORY,
    }


def test_the_truth_is_never_used() -> None:
    frame = _frame({"first_name": ["a", "b"] * 20, "kind": [f"k{n % 14}" for n in range(40)]})
    assert [extra.column for extra in detect(frame).extras] == ["kind"]
    assert detect(frame, truth="kind").extras == ()
    assert detect(_frame({"first_name": ["a"] * 40, "cluster": [str(n // 2) for n in range(40)]})).extras == ()


def test_the_record_id_is_said() -> None:
    assert "row number" in detect(_frame({"name": ["a", "b"]})).notes[0]
    # an id that repeats is no record id
    assert detect(_frame({"id": ["1", "1"], "name": ["a", "b"]})).column("record_id") is None
    assert detect(_frame({"unique_id": ["1", "2"], "name": ["a", "b"]})).column("record_id") == "unique_id"


def test_a_customer_number_of_its_own_per_record_says_nothing() -> None:
    frame = _frame({"customer_id": [str(n) for n in range(10)], "name": ["a"] * 10})
    assert detect(frame).column("crm_id") is None
    shared = _frame({"customer_id": ["1", "1", "2"], "name": ["a"] * 3})
    assert detect(shared).column("crm_id") == "customer_id"


def test_empty_columns_and_files() -> None:
    assert dict(detect(_frame({"email": [None, None], "first_name": ["a", "b"]})).columns) == {
        "given_name": "first_name"
    }
    assert detect(_frame({"first_name": []})).columns == ()
