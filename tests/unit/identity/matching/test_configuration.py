"""identity.yml: what it may say, and messages that name the key and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from millibar.identity.matching.configuration import Configuration, ConfigurationError
from millibar.identity.matching.plan import ExtraKind, MatchPlan

DETECTED = MatchPlan((("given_name", "first"), ("family_name", "last")))


def _read(folder: Path, text: str) -> Configuration:
    path = folder / "identity.yml"
    path.write_text(text)
    return Configuration.read(path)


def test_everything_an_analyst_may_say(tmp_path: Path) -> None:
    configuration = _read(
        tmp_path,
        """
columns: {email: contact, given_name: fore}
ignore: [last]
extras: {job: text}
date_formats: ["%d.%m.%Y"]
phone_region: gb
placeholders: {birth_date: [1950-05-05]}
threshold: 0.6
missing: 0.1
review: [0.2, 0.8]
guards: {birth_date: off}
""",
    )
    plan = configuration.plan(DETECTED, ["fore", "last", "contact", "job"])
    assert dict(plan.columns) == {"given_name": "fore", "email": "contact"}
    assert [(extra.column, extra.kind) for extra in plan.extras] == [("job", ExtraKind.TEXT)]
    assert plan.date_formats == ("%d.%m.%Y",)
    assert plan.placeholders == (("birth_date", ("1950-05-05",)),)
    assert configuration.rules().phone_region == "GB"
    rules = configuration.cluster_rules()
    assert (rules.threshold, rules.missing, rules.review) == (0.6, 0.1, (0.2, 0.8))
    assert rules.guards.modes["birth_date"] == "off"


def test_guards_all_at_once(tmp_path: Path) -> None:
    assert set(_read(tmp_path, "guards: off").cluster_rules().guards.modes.values()) == {"off"}


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    configuration = _read(tmp_path, "")
    assert configuration.plan(DETECTED, ["first", "last"]) == DETECTED
    assert configuration.cluster_rules() == Configuration.of({}).cluster_rules()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns: [", "is no YAML"),
        ("- a", "must be keys with values"),
        ("thresold: 1", "thresold: no such key; known are columns"),
        ("threshold: 2", "threshold: 2 is no number from 0 to 1"),
        ("threshold: yes", "threshold: True is no number"),
        ("columns: {mail: x}", "columns: mail: no such key; known are record_id"),
        ("columns: {email: 3}", "columns: email: 3 is no column name"),
        ("extras: {job: words}", "extras: job: 'words' is no kind; kinds are identifier"),
        ("date_formats: [dd/mm]", "date_formats: 'dd/mm' has no % codes"),
        ("phone_region: France", "phone_region: 'France' is no country code"),
        ("guards: {name: on}", "guards: guard name"),
        ("guards: maybe", "guards: guard"),
        ("review: 3", "review: give two probabilities"),
    ],
)
def test_errors_name_the_key_and_the_mend(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words.replace("(", r"\(").replace("[", r"\[")) as fault:
        _read(tmp_path, text)
    assert "identity.yml" in str(fault.value)


def test_a_column_the_file_lacks_is_told(tmp_path: Path) -> None:
    configuration = _read(tmp_path, "columns: {email: contact}")
    with pytest.raises(
        ConfigurationError, match="columns: email: the records have no column 'contact'; they have first, last"
    ):
        configuration.plan(DETECTED, ["first", "last"])


def test_the_documented_example_is_valid() -> None:
    example = Path(__file__).resolve().parents[4] / "config" / "examples" / "identity" / "identity.yml"
    assert Configuration.read(example).phone_region == "DE"
