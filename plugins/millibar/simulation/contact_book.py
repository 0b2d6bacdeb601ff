"""Which identifier a tool sees of a person on a day: cookies that change, accounts that appear, shared tablets."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from millibar.simulation.draws import Array, Draws
from millibar.simulation.identities import Identities, account_number, card_number, care_number, missing, only
from millibar.simulation.parameters import MarketParameters
from millibar.simulation.persons import Persons
from millibar.simulation.records import CARE, ECOMMERCE, SHOP, Records

_GENERATIONS = 4096  # cookies one device may have had; keys stay unique below it
_TABLET = 2  # browser slot of the household's tablet (0 phone, 1 computer)


@dataclass
class ContactBook:
    """Looks identifiers up by person and day, and remembers every cookie it gave out."""

    parameters: MarketParameters
    draws: Draws
    persons: Persons
    identities: Identities
    records: Records
    seen_cookies: list[tuple[Array, Array, int]] = field(default_factory=list)  # cookie bits, person, day

    def __post_init__(self) -> None:
        key = self.persons.key
        self._numbers = {
            (SHOP, 0): np.array([card_number(int(k), 0) for k in key], object),
            (SHOP, 1): np.array([card_number(int(k), 1) for k in key], object),
            (ECOMMERCE, 0): np.array([account_number(int(k), 0) for k in key], object),
            (ECOMMERCE, 1): np.array([account_number(int(k), 1) for k in key], object),
            (CARE, 0): np.array([care_number(int(k)) for k in key], object),
        }
        spread = np.exp(0.6 * self.draws.normal("cookie_life", key))
        self._cookie_days = np.maximum(10.0, self.parameters.behaviour.cookie_days * spread)
        mobile, home = self.identities.mobile, self.identities.home_phone
        self.phone = np.where(missing(mobile), home, mobile)
        household_size = np.bincount(self.identities.household)[self.identities.household]
        self._has_tablet = household_size > 1

    def number(self, crm: int, person: Array, day: int, copy: Array | int = 0) -> Array:
        """Customer number in a CRM, ``None`` before the record exists."""
        copies = np.broadcast_to(np.asarray(copy), person.shape)
        result = np.full(len(person), None, dtype=object)
        for one in (0, 1):
            if (crm, one) not in self._numbers:
                continue
            rows = (copies == one) & (self.records.first_day[crm, one][person] <= day)
            result[rows] = self._numbers[crm, one][person[rows]]
        return result

    def any_number(self, person: Array, day: int) -> tuple[Array, Array]:
        """(crm_id, loyalty_id): the account if there is one, else the card, else the call center's number."""
        account, card = self.number(ECOMMERCE, person, day), self.number(SHOP, person, day)
        care = self.number(CARE, person, day)
        crm_id = np.where(missing(account) & missing(card), care, account)
        return crm_id, only(missing(crm_id), card)

    def copies(self, crm: int, person: Array, day: int, stream_place: int) -> Array:
        """1 where the person uses the second account or card today, else 0."""
        has_second = self.records.first_day[crm, 1][person] <= day
        uses = self.draws.uniform("second_used", self.persons.key[person], crm, day, stream_place) < 0.3
        return (has_second & uses).astype(np.int64)

    def cookies(self, person: Array, day: int) -> Array:
        """Cookie of each person's browser today; one of the household's tablet now and then."""
        key = self.persons.key[person]
        pick = self.draws.uniform("browser", key, day)
        slot = np.where(pick < 0.62, 0, 1)
        shared = (pick > 1 - self.parameters.behaviour.shared_tablet) & self._has_tablet[person]
        age = day + 10_000 + self.draws.integers("cookie_phase", key * np.uint64(4) + slot.astype(np.uint64), 400)
        generation = (age / self._cookie_days[person]).astype(np.int64) % _GENERATIONS
        owner = np.where(shared, self.identities.household[person], key.astype(np.int64))
        slot = np.where(shared, _TABLET, slot)
        generation = np.where(shared, 0, generation)
        place = (owner * 4 + slot) * _GENERATIONS + generation
        bits = self.draws.bits("cookie", place.astype(np.uint64))
        self.seen_cookies.append((bits, person, day))
        return cookie_texts(bits)

    def devices(self, person: Array, day: int) -> Array:
        """Kind of device behind a web visit, by the same draw as its cookie."""
        pick = self.draws.uniform("browser", self.persons.key[person], day)
        return np.where(pick < 0.62, "mobile", np.where(pick > 0.93, "tablet", "desktop")).astype(object)


def cookie_texts(bits: Array) -> Array:
    """Cookies as the analytics tool writes them."""
    return np.array([f"ck.{value:016x}" for value in bits.tolist()], object)
