"""Addresses in parts: spellings of one street meet, house numbers apart, codes and towns without trimmings."""

from __future__ import annotations

import pytest

from millibar.identity import addresses


@pytest.mark.parametrize(
    "spelled",
    [
        "12 bis, bd. de l'Été",
        "12bis Boulevard de l’été",
        "12 BIS BLD DE L'ETE",
        "12 bis boulevard de l'Été Appt 4",
        "0012 bis Bvd l'ete BP 12",
    ],
)
def test_spellings_of_one_address(spelled: str) -> None:
    assert addresses.split_street(spelled) == ("boulevard ete", "12bis")


def test_other_house_other_number() -> None:
    assert addresses.split_street("14 rue de la Paix") == ("rue paix", "14")
    assert addresses.split_street("Wallaby Place") == ("wallaby place", None)
    assert addresses.split_street("") == (None, None)


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [("01 000", "1000"), ("1000.0", "1000"), ("SW1A 1AA", "sw1a1aa"), ("00000", None), ("N/A", None)],
)
def test_postal_codes(spelled: str, normal: str | None) -> None:
    assert addresses.postal_code(spelled) == normal


@pytest.mark.parametrize("spelled", ["PARIS CEDEX 08", "Paris 8e", "paris", "Paris 08"])
def test_towns(spelled: str) -> None:
    assert addresses.city(spelled) == "paris"


def test_saints_are_spelled_out() -> None:
    assert addresses.city("St-Étienne") == addresses.city("SAINT ETIENNE") == "saint etienne"


def test_the_stem_of_a_street_is_its_own_name() -> None:
    assert addresses.street_stem("rue victor hugo") == addresses.street_stem("avenue victor hugp") == "victo"
