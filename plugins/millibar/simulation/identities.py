"""Names, households and the clear identifiers of each person, as they truly are (no error yet)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from millibar.simulation.draws import Array, Draws
from millibar.simulation.parameters import MarketParameters
from millibar.simulation.persons import Persons
from millibar.simulation.vocabulary import (
    CITIES,
    FAMILY,
    FAMILY_HEADS,
    FAMILY_TAILS,
    MAIL_DOMAINS,
    MEN,
    STREET_KINDS,
    STREETS,
    WOMEN,
)

_NUMBERS = 10**8  # eight free digits of a French number; the step below is coprime to it, so no two are equal
_STEP, _HOME_STEP, _CARD_STEP = 61_803_397, 31_415_927, 27_182_819
_BASE_YEAR = 1978


@dataclass(frozen=True)
class Identities:
    """Object arrays over persons; ``None`` where a person has no such thing."""

    household: Array
    is_woman: Array
    first_name: Array
    last_name: Array
    maiden_name: Array
    birth: Array  # datetime64[D]
    street: Array
    postal_code: Array
    city: Array
    email: Array
    second_email: Array
    mobile: Array  # ten digits
    home_phone: Array
    device_id: Array
    social_handle: Array
    postal_key: Array


@lru_cache(maxsize=100_000)
def plain(name: str) -> str:
    """Small ASCII letters without spaces, as in addresses and handles."""
    return without_accents(name).lower().replace(" ", "")


@lru_cache(maxsize=100_000)
def without_accents(text: str) -> str:
    """ASCII letters only, as old systems keep names."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def missing(values: Array) -> Array:
    """True where an object array has ``None``."""
    return np.array([value is None for value in values.tolist()], dtype=bool)


def only(where: Array, values: Array) -> Array:
    """The values where the mask holds, ``None`` elsewhere."""
    result = np.full(len(where), None, dtype=object)
    result[where] = values[where]
    return result


def identify(parameters: MarketParameters, draws: Draws, persons: Persons) -> Identities:
    """Give every person a household, a name, an address and identifiers."""
    key = persons.key
    household, position = _households(parameters, draws, persons)
    names = _names(parameters, draws, persons, household, position)
    first, last, is_woman, maiden, birth = names
    street, postal_code, city = _addresses(draws, household)
    email = _emails(parameters, draws, persons, household, position, first, last, birth)
    second_email = _second_emails(draws, key, first, last)
    mobile = np.array([f"0{6 + (int(k) * 7) % 10 // 7}{(int(k) * _STEP + 12_345) % _NUMBERS:08d}" for k in key], object)
    recycled = draws.uniform("recycled", key) < parameters.people.recycled_phone
    mobile[1:] = np.where(recycled[1:], mobile[:-1], mobile[1:])
    home = np.array([f"0{1 + int(h) % 5}{(int(h) * _HOME_STEP + 777) % _NUMBERS:08d}" for h in household], object)
    device = np.array([f"{int(b):016x}" for b in draws.bits("device", key)], object)
    handle = [
        f"@{plain(f).replace('-', '')}_{plain(n)[:6]}{int(k) % 9973}" for f, n, k in zip(first, last, key, strict=True)
    ]
    postal_key = [
        f"{code}-{without_accents(s).upper().replace(' ', '-')}-{without_accents(n).upper().replace(' ', '-')}"
        for code, s, n in zip(postal_code, street, last, strict=True)
    ]
    return Identities(
        household=household,
        is_woman=is_woman,
        first_name=first,
        last_name=last,
        maiden_name=maiden,
        birth=birth,
        street=street,
        postal_code=postal_code,
        city=city,
        email=only(persons.has_email, email),
        second_email=second_email,
        mobile=only(persons.has_mobile, mobile),
        home_phone=only(persons.has_home_phone, home),
        device_id=only(persons.has_app, device),
        social_handle=only(persons.has_handle, np.array(handle, object)),
        postal_key=only(persons.has_address, np.array(postal_key, object)),
    )


def card_number(key: int, copy: int) -> str:
    """Loyalty number of a person's first or second card."""
    return f"L{(int(key) * 2 + copy) * _CARD_STEP % _NUMBERS:08d}"


def account_number(key: int, copy: int) -> str:
    """Customer number of the e-shop."""
    return f"EC-{(int(key) * 2 + copy + 101) * _CARD_STEP % _NUMBERS:08d}"


def care_number(key: int) -> str:
    """Customer number of the call center."""
    return f"CC-{(int(key) + 7) * _STEP % _NUMBERS:08d}"


def _households(parameters: MarketParameters, draws: Draws, persons: Persons) -> tuple[Array, Array]:
    """Household number and place in it: a person joins the one before with a chance that gives the wanted share."""
    joins = draws.uniform("household", persons.key) < 1 - np.sqrt(1 - parameters.people.household_share)
    joins &= persons.is_known
    joins[:1] = False
    household = np.cumsum(~joins) - 1
    first = np.flatnonzero(~joins)
    return household, np.arange(len(joins)) - first[household]


def _names(
    parameters: MarketParameters, draws: Draws, persons: Persons, household: Array, position: Array
) -> tuple[Array, Array, Array, Array, Array]:
    key, people = persons.key, parameters.people
    households = household.astype(np.uint64)
    size = np.bincount(household)[household]
    head_is_woman = draws.uniform("head_sex", households) < 0.5
    own = draws.uniform("sex", key) < 0.52
    is_woman = np.where(position == 0, head_is_woman, np.where(position == 1, ~head_is_woman, own))
    same_name = (size > 1) & (draws.uniform("same_name", households) < people.same_name_share)
    son = same_name & (position == 1)
    is_woman = np.where(same_name & (position < 2), False, is_woman)
    first = _first_names(draws, key, is_woman)
    first[son] = first[np.flatnonzero(son) - 1]
    last = _family_names(draws, households, "family")
    birth_day = draws.integers("birth", key, 365 * 42) - 365 * 21
    child = (position >= 2) | son
    generation = 365 * 28 + draws.integers("generation", key, 365 * 8)
    head_birth = birth_day[np.arange(len(key)) - position]
    birth_day = np.where(child, head_birth + generation, birth_day)
    twin = (position == 3) & (draws.uniform("twin", households) < people.twin_share * 10)
    birth_day[twin] = birth_day[np.flatnonzero(twin) - 1]
    birth = np.datetime64(f"{_BASE_YEAR}-01-01") + np.minimum(birth_day, 365 * 29).astype("timedelta64[D]")
    married = is_woman & (draws.uniform("maiden", key) < people.maiden_name)
    maiden = only(married, _family_names(draws, key, "maiden_name"))
    return first, last, is_woman, maiden, birth


def _first_names(draws: Draws, key: Array, is_woman: Array) -> Array:
    men, women = np.array(MEN, object), np.array(WOMEN, object)
    man = men[draws.choice("man", key, 1 / (8 + np.arange(len(men))))]
    woman = women[draws.choice("woman", key, 1 / (8 + np.arange(len(women))))]
    return np.where(is_woman, woman, man)


def _family_names(draws: Draws, key: Array, stream: str) -> Array:
    """Frequent names for half, built ones (Beaumont, Valbois ...) for the others: many people share a name."""
    frequent = np.array(FAMILY, object)[draws.choice(stream, key, 1 / (12 + np.arange(len(FAMILY))))]
    heads = np.array(FAMILY_HEADS, object)[draws.integers(stream + "_head", key, len(FAMILY_HEADS))]
    tails = np.array(FAMILY_TAILS, object)[draws.integers(stream + "_tail", key, len(FAMILY_TAILS))]
    return np.where(draws.uniform(stream + "_kind", key) < 0.5, frequent, heads + tails)


def _addresses(draws: Draws, household: Array) -> tuple[Array, Array, Array]:
    number = 1 + draws.integers("house_number", household, 120)
    bis = draws.uniform("bis", household) < 0.04
    kind = draws.integers("street_kind", household, len(STREET_KINDS))
    name = draws.integers("street_name", household, len(STREETS))
    place = draws.integers("city", household, len(CITIES))
    street = [
        f"{n}{' bis' if b else ''} {STREET_KINDS[k]} {STREETS[s]}"
        for n, b, k, s in zip(number.tolist(), bis.tolist(), kind.tolist(), name.tolist(), strict=True)
    ]
    return (
        np.array(street, object),
        np.array([CITIES[p][0] for p in place.tolist()], object),
        np.array([CITIES[p][1] for p in place.tolist()], object),
    )


def _emails(
    parameters: MarketParameters,
    draws: Draws,
    persons: Persons,
    household: Array,
    position: Array,
    first: Array,
    last: Array,
    birth: Array,
) -> Array:
    """One address each, unique but for those who use the first member's (family mail)."""
    key = persons.key
    domains = np.array([name for name, _ in MAIL_DOMAINS], object)
    domain = domains[draws.choice("mail_domain", key, np.array([share for _, share in MAIL_DOMAINS]))]
    style = draws.integers("mail_style", key, 4).tolist()
    years = (birth.astype("datetime64[Y]").astype(int) + 1970).tolist()
    taken: set[str] = set()
    addresses = []
    for place, (given, family, form, year) in enumerate(zip(first, last, style, years, strict=True)):
        given, family = plain(given), plain(family)
        local = (f"{given}.{family}", f"{given[0]}{family}", f"{given}{family}{year % 100:02d}", f"{family}.{given}")[
            form
        ]
        address = f"{local}@{domain[place]}"
        if address in taken:
            address = f"{local}{int(key[place]) % 100_003}@{domain[place]}"
        taken.add(address)
        addresses.append(address)
    result = np.array(addresses, object)
    family_mail = (position > 0) & (draws.uniform("family_mail", key) < parameters.people.family_mail)
    return np.where(family_mail, result[np.arange(len(key)) - position], result)


def _second_emails(draws: Draws, key: Array, first: Array, last: Array) -> Array:
    return np.array(
        [f"{plain(f)[:3]}{plain(n)}{int(k)}@proton.me" for f, n, k in zip(first, last, key, strict=True)],
        object,
    )
