"""Names: spellings of one name meet, other names do not, hostile texts never raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.identity import names


@pytest.mark.parametrize(
    ("spellings", "normal"),
    [
        (["Jean-Pierre", "JEAN PIERRE", " jean  pierre ", "M. Jean-Pierre", "Jean\u200b-Pierre"], "jean pierre"),
        (["Zoé", "ZOE", "Zoe\u0301"], "zoe"),
        (["J.", "j"], "j"),
        (["Dr", "dr."], "dr"),
    ],
)
def test_given_names(spellings: list[str], normal: str) -> None:
    assert {names.given_name(name) for name in spellings} == {normal}


@pytest.mark.parametrize(
    ("spellings", "normal"),
    [
        (["de La Fontaine", "LA FONTAINE", "Lafontaine"], "lafontaine"),
        (["d'Ormesson", "D’ORMESSON", "Ormesson"], "ormesson"),
        (["O'Brien", "OBRIEN"], "obrien"),
        (["Lefèvre", "LEFEVRE"], "lefevre"),
        (["Œuvrard", "oeuvrard"], "oeuvrard"),
        (["Dupont-Martin", "DUPONT MARTIN"], "dupont martin"),
        (["van der Berg", "Berg"], "berg"),
        (["De"], "de"),
    ],
)
def test_family_names(spellings: list[str], normal: str) -> None:
    assert {names.family_name(name) for name in spellings} == {normal}


@pytest.mark.parametrize("nobody", ["", "  ", "N/C", "inconnu", "XXX", "123", "---", "\u0000", "😀"])
def test_what_names_nobody(nobody: str) -> None:
    assert names.given_name(nobody) is None
    assert names.family_name(nobody) is None


@pytest.mark.parametrize(
    ("short", "full"), [("jp", "jean pierre"), ("bob", "robert"), ("liz", "elisabeth"), ("alex", "alexandre")]
)
def test_short_forms_have_the_root_of_the_name(short: str, full: str) -> None:
    assert names.root_name(short) == names.root_name(full)


def test_no_short_form_stands_for_another_short_form() -> None:
    known = names.short_forms()
    assert len(known) > 300
    assert {name: names.root_name(name) for name in known.values()} == {name: name for name in known.values()}


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("Dupont, Jean", ("jean", "dupont")),
        ("DUPONT Jean Marc", ("jean marc", "dupont")),
        ("Jean Dupont", ("jean", "dupont")),
        ("Cher", (None, "cher")),
    ],
)
def test_a_name_in_one_piece(whole: str, parts: tuple[str | None, str]) -> None:
    given, family = names.split_full_name(whole)
    assert (names.given_name(given), names.family_name(family)) == parts


@pytest.mark.parametrize(
    ("one", "other"), [("lefevre", "lefebvre"), ("philippe", "filipe"), ("martin", "martain"), ("durand", "durant")]
)
def test_names_that_sound_alike(one: str, other: str) -> None:
    assert names.sound(one) == names.sound(other)
    assert names.sound(one) != names.sound("bernard")


def test_swapped_names_have_one_key() -> None:
    assert names.name_key("jean", "dupont") == names.name_key("dupont", "jean") == "dupont jean"
    assert names.name_key(None, None) is None


@given(st.text(max_size=300))
def test_any_text_gives_a_fixed_point_or_nothing(text: str) -> None:
    for form in (names.given_name, names.family_name):
        normal = form(text)
        if normal is not None:
            assert normal == normal.strip()
            assert len(normal) <= names.LONGEST_NAME
            names.sound(normal)
            names.root_name(normal)
