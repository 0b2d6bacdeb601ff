"""Persons, names and records: shares, uniqueness, and the faults of the CRMs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.simulation.identities import (
    Identities,
    account_number,
    card_number,
    care_number,
    identify,
    without_accents,
)
from millibar.simulation.parameters import CHANNEL_NUMBER, MarketParameters
from millibar.simulation.records import CARE, ECOMMERCE, SHOP, Records, keep_records, slip
from millibar.simulation.vocabulary import BLOCKED_MAILS, SHOP_PHONES
from millibar.simulation.world import World, build_world


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(MarketParameters(customers=5_000, days=365))


@pytest.fixture(scope="module")
def identities(world: World) -> Identities:
    return identify(world.parameters, world.draws, world.persons)


@pytest.fixture(scope="module")
def records(world: World, identities: Identities) -> Records:
    return keep_records(world.parameters, world.draws, world.clock, world.persons, identities)


def test_every_customer_has_a_record_and_no_visitor_has_one(world: World, records: Records) -> None:
    assert set(records.frame["person"]) == set(np.flatnonzero(world.persons.is_known).tolist())


def test_a_record_appears_once_and_changes_later(records: Records) -> None:
    first = records.frame[records.frame["version"] == 0]
    assert not first["number"].duplicated().any()
    both = records.frame[records.frame["version"] == 1].merge(first, on=["person", "crm", "copy"])
    assert len(both) > 300
    assert (both["day_x"] > both["day_y"]).all()
    assert (both["updated_at_x"] > both["updated_at_y"]).all()


def test_records_have_the_faults_asked_for(world: World, records: Records) -> None:
    rules, first = world.parameters.records, records.frame[records.frame["version"] == 0]
    by_hand = first[first["crm"].isin([SHOP, CARE])]
    assert by_hand["phone"].isin(SHOP_PHONES).mean() == pytest.approx(rules.hub_phone, abs=0.012)
    assert first["birth_date"].isna().mean() == pytest.approx(rules.missing_birth, abs=0.03)
    assert (first["birth_date"] == "1900-01-01").mean() == pytest.approx(0.65 * rules.placeholder_birth / 2, abs=0.01)
    assert first[first["crm"] == SHOP]["email"].isin(BLOCKED_MAILS).mean() == pytest.approx(
        rules.blocked_mail, abs=0.01
    )
    assert first[first["crm"] == SHOP]["last_name"].str.isupper().mean() > 0.25


def test_only_a_shared_household_shares_a_mail(identities: Identities, world: World) -> None:
    owners: dict[str, set[int]] = {}
    for household, mail in zip(identities.household, identities.email, strict=True):
        if mail is not None:
            owners.setdefault(mail, set()).add(int(household))
    assert max(len(households) for households in owners.values()) == 1
    assert len(owners) < world.persons.has_email.sum()  # some do share


def test_father_and_son_have_one_name_and_other_births(identities: Identities) -> None:
    pairs = 0
    for place in range(1, len(identities.household)):
        same_house = identities.household[place] == identities.household[place - 1]
        if same_house and identities.first_name[place] == identities.first_name[place - 1]:
            gap = abs(int((identities.birth[place] - identities.birth[place - 1]).astype(int)))
            pairs += gap > 365 * 15
    assert pairs >= 10


def test_home_phones_are_shared_in_the_household(identities: Identities) -> None:
    owners: dict[str, set[int]] = {}
    for household, phone in zip(identities.household, identities.home_phone, strict=True):
        if phone is not None:
            owners.setdefault(phone, set()).add(int(household))
    assert max(map(len, owners.values())) == 1


def test_mobiles_are_unique_but_for_recycled_ones(identities: Identities, world: World) -> None:
    mobiles = [phone for phone in identities.mobile if phone is not None]
    shared = len(mobiles) - len(set(mobiles))
    assert 0 < shared < 3 * world.parameters.people.recycled_phone * len(mobiles)
    assert all(len(phone) == 10 and phone[:2] in {"06", "07"} for phone in mobiles)


def test_who_is_reachable_has_the_identifier(world: World) -> None:
    persons = world.persons
    for channel, has in (
        ("email", persons.has_email),
        ("sms", persons.has_mobile),
        ("push_app", persons.has_app),
        ("direct_mail", persons.has_address),
        ("social", persons.has_handle),
    ):
        reachable = persons.reachable[CHANNEL_NUMBER[channel]]
        assert not (reachable & ~has).any()
        wanted = world.parameters.channels[channel].reachable
        assert reachable[persons.is_known].mean() == pytest.approx(wanted, abs=0.03)


def test_numbers_never_meet() -> None:
    keys = range(200_000)
    assert len({card_number(key, copy) for key in keys for copy in (0, 1)}) == 400_000
    assert len({account_number(key, copy) for key in keys for copy in (0, 1)}) == 400_000
    assert len({care_number(key) for key in keys}) == 200_000


@given(st.text(min_size=1, max_size=12), st.integers(0, 2**64 - 1))
def test_a_slip_is_one_slip(word: str, bits: int) -> None:
    assert abs(len(slip(word, bits)) - len(word)) <= 1


def test_accents_go_and_letters_stay() -> None:
    assert without_accents("Élodie Lefèvre-Müller") == "Elodie Lefevre-Muller"


def test_second_accounts_use_another_mail(records: Records) -> None:
    frame = records.frame[(records.frame["crm"] == ECOMMERCE) & (records.frame["version"] == 0)]
    both = frame[frame["copy"] == 1].merge(frame[frame["copy"] == 0], on="person")
    assert len(both) > 50
    assert (both["email_x"] != both["email_y"]).all()
