"""How three CRMs know the persons: records with slips, nicknames, shared phones, later changes and second accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.simulation.clock import Clock
from millibar.simulation.draws import Array, Draws
from millibar.simulation.identities import Identities, account_number, card_number, care_number, only, without_accents
from millibar.simulation.parameters import CHANNEL_NUMBER, MarketParameters
from millibar.simulation.persons import Persons, segment_names
from millibar.simulation.vocabulary import BLOCKED_MAILS, CITIES, NICKNAMES, SHOP_PHONES, STREET_KINDS, STREETS

SHOP, ECOMMERCE, CARE = 0, 1, 2
CRM_NAMES = ("crm_shop", "crm_ecommerce", "crm_callcenter")
STATED = ("email", "sms", "direct_mail", "call_center", "push_app", "messenger")


@dataclass(frozen=True)
class Records:
    """CRM records and their later versions, ordered by the day they were written.

    ``frame`` has one row a version: person, crm, copy, day, updated_at (UTC epoch seconds), what changed (address,
    phone, email or nothing) and the CRM's fields.
    ``first_day`` gives, per (crm, copy), the day each person's record appeared (a day far away: never).
    """

    frame: pd.DataFrame
    first_day: dict[tuple[int, int], Array]


def keep_records(
    parameters: MarketParameters, draws: Draws, clock: Clock, persons: Persons, identities: Identities
) -> Records:
    """Write each person down in one to three CRMs, with each CRM's habits of error."""
    first_day = _first_days(parameters, draws, persons)
    parts = []
    for (crm, copy), days in sorted(first_day.items()):
        index = np.flatnonzero(days < parameters.days)
        parts.append(_record_rows(parameters, draws, persons, identities, crm, copy, index, days[index]))
    frame = pd.concat(parts, ignore_index=True)
    frame = pd.concat([frame, _changes(parameters, draws, frame)], ignore_index=True)
    keys = frame["person"].to_numpy() * 8 + frame["crm"].to_numpy() * 2 + frame["copy"].to_numpy()
    second = (8 + 12 * draws.uniform("record_second", keys.astype(np.uint64) * 2 + frame["version"].to_numpy())) * 3600
    frame["updated_at"] = clock.utc(frame["day"].to_numpy(), second)
    frame = frame.sort_values(["day", "crm", "person", "copy", "version"], ignore_index=True)
    return Records(frame, first_day)


def _first_days(parameters: MarketParameters, draws: Draws, persons: Persons) -> dict[tuple[int, int], Array]:
    """Day each record appears: the first CRM at the person's entry, the others some months later."""
    rules, key = parameters.records, persons.key
    shares = [np.full(len(key), share) for share in (rules.shop, rules.ecommerce, rules.call_center)]
    shares[SHOP] *= 0.45 + 1.25 * persons.store_share
    has = np.array([draws.uniform("crm", key, crm) < share for crm, share in enumerate(shares)])
    has[CARE] &= persons.has_mobile | persons.has_home_phone
    nowhere = ~has.any(axis=0)
    has[np.where(draws.uniform("crm_any", key) < 0.5, SHOP, ECOMMERCE), np.arange(len(key))] |= nowhere
    has[ECOMMERCE] &= persons.has_email
    has[SHOP] |= ~has.any(axis=0)
    has &= persons.is_known
    order = np.array([np.where(has[c], draws.uniform("crm_order", key, c), 2.0) for c in range(3)])
    main = order.argmin(axis=0)
    far = 10**6
    days: dict[tuple[int, int], Array] = {}
    for crm in range(3):
        later = persons.entry_day + (draws.exponential("crm_later", key, crm) * 220).astype(np.int64) + 1
        days[crm, 0] = np.where(has[crm], np.where(main == crm, persons.entry_day, later), far)
    for crm, share in ((SHOP, rules.second_card), (ECOMMERCE, rules.second_account)):
        again = draws.uniform("crm_again", key, crm) < share
        later = days[crm, 0] + (draws.exponential("crm_again_day", key, crm) * 250).astype(np.int64) + 1
        days[crm, 1] = np.where(again & has[crm], later, far)
    return days


def _record_rows(
    parameters: MarketParameters,
    draws: Draws,
    persons: Persons,
    identities: Identities,
    crm: int,
    copy: int,
    index: Array,
    days: Array,
) -> pd.DataFrame:
    """First version of the records of one CRM (``copy`` 1: second accounts and cards)."""
    rules, keys, place = parameters.records, index.astype(np.uint64), crm * 2 + copy
    first, last = _written_names(parameters, draws, identities, crm, index, place)
    phone, email = _written_contacts(parameters, draws, identities, crm, copy, index)
    numbers = {SHOP: lambda k: card_number(k, copy), ECOMMERCE: lambda k: account_number(k, copy), CARE: care_number}
    stated_channel = np.array(STATED, object)[_stated_channel(draws, persons, index)]
    hour = np.round(persons.best_hour[index] + 0.8 * draws.normal("stated_error", keys)).astype(int) % 24
    address = persons.has_address[index] | (crm == ECOMMERCE)
    frame = pd.DataFrame(
        {
            "person": index,
            "crm": crm,
            "copy": copy,
            "version": 0,
            "changed": "",
            "day": days,
            "number": [numbers[crm](int(k)) for k in keys],
            "first_name": first,
            "last_name": last,
            "birth_date": _written_births(parameters, draws, identities, index, keys, place),
            "email": email,
            "phone": phone,
            "street": only(address, identities.street[index]),
            "postal_code": only(address, identities.postal_code[index]),
            "city": only(address, identities.city[index]),
            "postal_key": identities.postal_key[index] if crm == SHOP else None,
            "stated_channel": only(draws.uniform("states_channel", keys, place) < rules.stated_channel, stated_channel),
            "stated_hour": np.where(draws.uniform("states_hour", keys, place) < rules.stated_hour, hour, -1),
            "acquisition_channel": segment_names(persons)[index],
        }
    )
    return frame


def _written_contacts(
    parameters: MarketParameters, draws: Draws, identities: Identities, crm: int, copy: int, index: Array
) -> tuple[Array, Array]:
    """Telephone and mail as the CRM has them: the household's or the own, the shop's own number, junk, or nothing."""
    rules, keys, place = parameters.records, index.astype(np.uint64), crm * 2 + copy
    phone = np.where(
        draws.uniform("record_phone", keys, place) < (0.2 if crm == ECOMMERCE else 0.5),
        _first_known(identities.home_phone[index], identities.mobile[index]),
        _first_known(identities.mobile[index], identities.home_phone[index]),
    )
    if crm == ECOMMERCE:
        phone = only(draws.uniform("no_phone", keys, place) >= 0.35, phone)
    else:
        hub = draws.uniform("hub_phone", keys, place) < rules.hub_phone
        phone = np.where(hub, np.array(SHOP_PHONES, object)[draws.integers("hub", keys, len(SHOP_PHONES))], phone)
    email = identities.second_email[index] if copy and crm == ECOMMERCE else identities.email[index]
    if crm != ECOMMERCE:
        email = only(draws.uniform("no_mail", keys, place) >= (0.35 if crm == SHOP else 0.7), email)
    if crm == SHOP:
        junk = np.array(BLOCKED_MAILS, object)[draws.integers("junk", keys, len(BLOCKED_MAILS))]
        email = np.where(draws.uniform("junk_mail", keys, place) < rules.blocked_mail, junk, email)
    return _phone_styles(draws, keys, phone, place), email


def _stated_channel(draws: Draws, persons: Persons, index: Array) -> Array:
    """What people say to prefer: mostly the channel they answer in best, among those open to them."""
    numbers = [CHANNEL_NUMBER[name] for name in STATED]
    liking = persons.affinity[numbers][:, index] * np.where(persons.reachable[numbers][:, index], 1.0, 0.05)
    best = liking.argmax(axis=0)
    any_of = draws.integers("stated_any", persons.key[index], len(STATED))
    return np.where(draws.uniform("stated_true", persons.key[index]) < 0.8, best, any_of)


def _first_known(first: Array, other: Array) -> Array:
    return np.where(pd.isna(first), other, first)


def _written_names(
    parameters: MarketParameters, draws: Draws, identities: Identities, crm: int, index: Array, place: int
) -> tuple[list[str], list[str]]:
    """Names as the CRM has them: maiden names, nicknames, swaps, capitals, lost accents, slips."""
    rules = parameters.records
    keys = index.astype(np.uint64)
    firsts, lasts = identities.first_name[index], identities.last_name[index]
    maiden = identities.maiden_name[index]
    uses_maiden = (draws.uniform("uses_maiden", keys, crm) < 0.5) & ~pd.isna(maiden)
    lasts = np.where(uses_maiden, maiden, lasts)
    chances = {
        name: (draws.uniform(name, keys, place) < share).tolist()
        for name, share in (
            ("nickname", rules.nickname),
            ("no_accent", rules.no_accent),
            ("upper_case", rules.upper_case if crm != ECOMMERCE else 0.05),
            ("swapped", rules.swapped_names),
            ("slip", rules.typo),
        )
    }
    slips = draws.bits("slip_where", keys, place)
    written_first, written_last = [], []
    for row, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        if chances["nickname"][row]:
            first = NICKNAMES.get(first, first)
        if chances["no_accent"][row]:
            first, last = without_accents(first), without_accents(last)
        if chances["slip"][row]:
            first, last = (
                (slip(first, int(slips[row])), last) if slips[row] & 1 else (first, slip(last, int(slips[row])))
            )
        if chances["upper_case"][row]:
            first, last = first.upper(), last.upper()
        if chances["swapped"][row]:
            first, last = last, first
        written_first.append(first)
        written_last.append(last)
    return written_first, written_last


def slip(word: str, bits: int) -> str:
    """One slip of the finger: a letter lost, doubled, replaced, or two exchanged. Where follows from ``bits``."""
    place = 1 + (bits >> 8) % max(1, len(word) - 1)
    kind = (bits >> 40) % 4
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place - 1] + word[place:]
    if kind == 2:
        return word[:place] + "aeionrst"[(bits >> 48) % 8] + word[place + 1 :]
    return word[: place - 1] + word[place : place + 1] + word[place - 1] + word[place + 1 :]


def _written_births(
    parameters: MarketParameters, draws: Draws, identities: Identities, index: Array, keys: Array, place: int
) -> Array:
    rules, birth = parameters.records, identities.birth[index]
    text = birth.astype(str).astype(object)
    fill = draws.uniform("placeholder", keys, place)
    year = np.array([value[:4] + "-01-01" for value in text], object)
    text = np.where(fill < rules.placeholder_birth / 2, "1900-01-01", text)
    text = np.where((fill >= rules.placeholder_birth / 2) & (fill < rules.placeholder_birth), year, text)
    return only(draws.uniform("no_birth", keys, place) >= rules.missing_birth, text)


def _phone_styles(draws: Draws, keys: Array, phones: Array, place: int) -> Array:
    """The same number written in the ways people write it."""
    styles = draws.integers("phone_style", keys, 5, place).tolist()
    written: list[str | None] = []
    for phone, style in zip(phones, styles, strict=True):
        if phone is None or " " in phone:
            written.append(phone)
            continue
        pairs = [phone[i : i + 2] for i in range(0, 10, 2)]
        forms = (phone, " ".join(pairs), "+33" + phone[1:], ".".join(pairs), "0033 " + phone[1:])
        written.append(forms[style])
    return np.array(written, object)


def _changes(parameters: MarketParameters, draws: Draws, frame: pd.DataFrame) -> pd.DataFrame:
    """Second versions: a move, a new phone or a new mail, some day of the market after the first version."""
    keys = (frame["person"] * 8 + frame["crm"] * 2 + frame["copy"]).to_numpy().astype(np.uint64)
    wait = draws.exponential("change", keys) / parameters.records.yearly_change * 365
    day = np.maximum(frame["day"].to_numpy(), 0) + 1 + wait.astype(np.int64)
    later: pd.DataFrame = frame[day < parameters.days].copy()
    keys = keys[day < parameters.days]
    later["day"] = day[day < parameters.days]
    later["version"] = 1
    kind = draws.integers("change_kind", keys, 3)
    later["changed"] = np.array(["address", "phone", "email"], object)[kind]
    number = 1 + draws.integers("new_number", keys, 150)
    street = draws.integers("new_street", keys, len(STREETS))
    city = draws.integers("new_city", keys, len(CITIES))
    moves = (kind == 0) & later["street"].notna().to_numpy()
    streets = [
        f"{n} {STREET_KINDS[n % 10]} {STREETS[s]}" for n, s in zip(number.tolist(), street.tolist(), strict=True)
    ]
    later["street"] = np.where(moves, np.array(streets, object), later["street"])
    later["postal_code"] = np.where(
        moves, np.array([CITIES[c][0] for c in city.tolist()], object), later["postal_code"]
    )
    later["city"] = np.where(moves, np.array([CITIES[c][1] for c in city.tolist()], object), later["city"])
    digits = draws.integers("new_phone", keys, 10**7)
    phones = np.array([f"079{digit:07d}" for digit in digits.tolist()], object)
    gets_phone = (kind == 1) & later["phone"].notna().to_numpy()
    later["phone"] = np.where(gets_phone, phones, later["phone"])
    mails = np.array([f"nouveau{int(k)}.{d % 9973}@mail.fr" for k, d in zip(keys, digits, strict=True)], object)
    gets_mail = (kind == 2) & later["email"].notna().to_numpy() & (later["crm"] != SHOP).to_numpy()
    later["email"] = np.where(gets_mail, mails, later["email"])
    later.loc[~(moves | gets_phone | gets_mail), "changed"] = ""  # touched, and nothing new
    return later
