"""Normal forms: spellings of one identifier meet, different identifiers do not, hostile values never raise."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.identity.normalise import normalise_value, normalise_values
from millibar.identity.rules import IdentityRules
from millibar.sources.contracts import IDENTIFIER_TYPES

RULES = IdentityRules()
REASONS = {"missing", "empty", "malformed", "too_long", "too_short", "placeholder", "service_number"}


@pytest.mark.parametrize(
    ("kind", "spellings", "normal"),
    [
        ("email", [" Jean.Dupont@Laposte.NET ", "mailto:jean.dupont@laposte.net", "<jean.dupont@laposte.net>"],
         "jean.dupont@laposte.net"),
        ("email", ["j.e.a.n+promo@gmail.com", "Jean@GoogleMail.com", "jean@gmail.com"], "jean@gmail.com"),
        ("email", ["a+b@outlook.fr", "a@outlook.fr"], "a@outlook.fr"),
        ("email", ["anne@été.fr", "anne@xn--t-9fab.fr"], "anne@xn--t-9fab.fr"),
        ("phone", ["06 12 34 56 79", "06.12.34.56.79", "+33 6 12 34 56 79", "0033612345679", "+33 (0)6 12 34 56 79",
                   "33612345679", "612345679", "612345679.0", "tel:0612345679", "06-12-34-56-79", "０６１２３４５６７９"],
         "+33612345679"),
        ("phone", ["0262 12 34 57", "+262 262 12 34 57"], "+262262123457"),
        ("phone", ["+44 20 7946 0958", "00442079460958"], "+442079460958"),
        ("crm_id", [" ab 12", "AB12", "ab12\u200b", "a\x00b12"], "AB12"),
        ("crm_id", ["11111"], "11111"),
        ("crm_id", ["7"], "7"),
        ("social_handle", ["@Jean_D", "jean_d", " jean_d "], "jean_d"),
        ("social_handle", ["insta:@Jean"], "insta:jean"),
        ("postal_key", ["Œuvre, 12 rue de l’Été — 75001", "OEUVRE 12 RUE DE L'ETE 75001"],
         "oeuvre 12 rue de l ete 75001"),
        ("cookie_id", [" aBc-123 "], "aBc-123"),
    ],
)  # fmt: skip
def test_spellings_of_one_identifier_have_one_normal_form(kind: str, spellings: list[str], normal: str) -> None:
    assert {normalise_value(kind, value, RULES).value for value in spellings} == {normal}


@pytest.mark.parametrize(
    ("value", "reason"),
    [("01 42 12 34 56", "landline"), ("+33 9 72 12 34 56", "landline"), ("0262 12 34 57", "landline"),
     ("06 12 34 56 79", None), ("0692 12 34 57", None), ("+44 20 7946 0958", None)],
)  # fmt: skip
def test_a_landline_is_usable_and_says_so(value: str, reason: str | None) -> None:
    outcome = normalise_value("phone", value, RULES)
    assert outcome.value is not None
    assert outcome.reason == reason


def test_other_providers_keep_their_dots_and_tags() -> None:
    forms = {
        normalise_value("email", value, RULES).value for value in ("a.b@orange.fr", "ab@orange.fr", "ab+x@orange.fr")
    }
    assert len(forms) == 3


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("email", "na@na.fr", "placeholder"),
        ("email", "NA@NA.FR", "placeholder"),
        ("email", "jean.dupont", "malformed"),
        ("email", "a@b", "malformed"),
        ("email", "a@b.1", "malformed"),
        ("email", "a..b@c.fr", "malformed"),
        ("email", "a@-b.fr", "malformed"),
        ("email", "a b@c.fr", "malformed"),
        ("email", "+@gmail.com", "malformed"),
        ("email", "x" * 300 + "@y.fr", "too_long"),
        ("phone", "0000000000", "placeholder"),
        ("phone", "0123456789", "placeholder"),
        ("phone", "06 00 00 00 00", "placeholder"),
        ("phone", "0800 123 123", "service_number"),
        ("phone", "15", "too_short"),
        ("phone", "06 12 34 56 79 poste 4", "malformed"),
        ("phone", "061234567912345678901", "malformed"),
        ("loyalty_id", "0000000", "placeholder"),
        ("loyalty_id", "XXXX", "placeholder"),
        ("crm_id", "null", "placeholder"),
        ("device_id", "00000000-0000-0000-0000-000000000000", "placeholder"),
        ("cookie_id", "abc", "too_short"),
        ("cookie_id", "OptOut", "placeholder"),
        ("social_handle", "@", "empty"),
        ("postal_key", "npai", "placeholder"),
        ("postal_key", "12", "too_short"),
        ("email", "   \u200b\x00", "empty"),
        ("email", None, "missing"),
        ("phone", float("nan"), "missing"),
        ("crm_id", "z" * 1_000_000, "too_long"),
    ],
)
def test_unusable_values_say_why(kind: str, value: object, reason: str) -> None:
    outcome = normalise_value(kind, value, RULES)
    assert (outcome.value, outcome.reason) == (None, reason)


@given(st.sampled_from(IDENTIFIER_TYPES), st.text(max_size=400))
def test_any_text_is_normalised_or_refused_and_normal_forms_are_fixed_points(kind: str, value: str) -> None:
    outcome = normalise_value(kind, value, RULES)
    if outcome.value is None:
        assert outcome.reason in REASONS
    else:
        assert outcome.reason in (None, "landline")
        assert normalise_value(kind, outcome.value, RULES) == outcome


@given(st.from_regex(r"\A0[1-7][0-9]{8}\Z"), st.sampled_from(["", " ", ".", "-"]))
def test_french_numbers_survive_any_separator(number: str, separator: str) -> None:
    written = separator.join(number[place : place + 2] for place in range(0, 10, 2))
    assert normalise_value("phone", written, RULES) == normalise_value("phone", number, RULES)


def _hash(kind: str, value: str) -> str:
    return f"h({kind},{value})"


def test_nodes_of_values() -> None:
    values = pd.DataFrame(
        {
            "identifier_type": ["email", "email", "email", "phone"],
            "value_hash": ["e1", "e2", "e3", "p1"],
            "value": ["A@x.fr", "a@x.fr", "na@na.fr", None],
        }
    )
    nodes = normalise_values(values, _hash, RULES).set_index("value_hash")
    assert nodes.loc["e1", "node_hash"] == nodes.loc["e2", "node_hash"] == "h(email,a@x.fr)"
    assert nodes["is_usable"].tolist() == [True, True, False, False]
    # an unusable value is a node of its own, so a customer of its own
    assert nodes.loc[["e3", "p1"], "node_hash"].tolist() == ["e3", "p1"]
    assert nodes.loc[["e3", "p1"], "reason"].tolist() == ["placeholder", "missing"]


def test_no_values_give_no_nodes() -> None:
    empty = pd.DataFrame({"identifier_type": [], "value_hash": [], "value": []})
    assert normalise_values(empty, _hash, RULES).empty


def test_the_version_changes_with_the_placeholders_only() -> None:
    extended = IdentityRules(placeholders=RULES.placeholders | {"email": ("new@new.fr",)})
    assert extended.normalisation_version() != RULES.normalisation_version()
    assert IdentityRules(minimum_score=0.9).normalisation_version() == RULES.normalisation_version()


@pytest.mark.parametrize(
    ("region", "value", "normal"),
    [("GB", "020 7946 0958", "+442079460958"), ("DE", "0151 23456789", "+4915123456789"), ("GB", "+33 6 12 34 56 79", "+33612345679"),
     ("US", "(202) 555-0143", "+12025550143")],
)  # fmt: skip
def test_numbers_without_a_country_code_are_of_the_region(region: str, value: str, normal: str) -> None:
    assert normalise_value("phone", value, IdentityRules(phone_region=region)).value == normal


def test_numbers_no_plan_admits_are_told() -> None:
    assert normalise_value("phone", "+44 20 7946 09581 22", RULES).reason == "malformed"
    assert normalise_value("phone", "0800 1111", IdentityRules(phone_region="GB")).value is None
    assert IdentityRules(phone_region="GB").normalisation_version() != RULES.normalisation_version()


def test_mails_in_other_letters() -> None:
    assert normalise_value("email", "Zoé@Exemple.fr", RULES).value == "zoé@exemple.fr"
