"""Normal form of a distinct identifier value, or the reason why it names nobody."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from millibar.identity.rules import LANDLINE, IdentityRules, MailProvider

KeyHash = Callable[[str, str], str]

NODE_COLUMNS = ["identifier_type", "value_hash", "node_hash", "is_usable", "reason"]

LONGEST_VALUE = 254  # the longest address SMTP carries; no identifier we accept is longer
MOST_PASSES = 5
SHORTEST_TOKEN = 4  # a shorter cookie or device id cannot be anybody's own
SHORTEST_POSTAL_KEY = 6

_EMAIL = re.compile(r"([a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64})@([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8})")
_SEPARATORS = re.compile(r"[._\-]")
_PHONE_CHARACTERS = re.compile(r"\+?[0-9 ./()\-]+")
_LANDLINE = re.compile(r"\+33[1-59]|\+(?:590590|594594|596596|26226[23])")
FRANCE = "FR"
# phonenumbers.PhoneNumberType: toll-free, premium rate, shared cost, universal access, voicemail
_SERVICE_TYPES = frozenset({3, 4, 5, 9, 10})
_SPREADSHEET_NUMBER = re.compile(r"(\+?[0-9]+)\.0")
# French numbers beginning like this are overseas: the country code differs from +33.
_OVERSEAS = {
    "590": "590",
    "690": "590",
    "691": "590",
    "594": "594",
    "694": "594",
    "596": "596",
    "696": "596",
    "697": "596",
    "262": "262",
    "263": "262",
    "692": "262",
    "693": "262",
    "639": "262",
}


class UnusableError(ValueError):
    """The value names nobody; the message is the reason, one of a short list so that it can be counted."""


@dataclass(frozen=True)
class Normal:
    """Outcome for one value: ``value`` where usable, ``reason`` where not; a landline is usable with a reason."""

    value: str | None
    reason: str | None


def normalise_value(identifier_type: str, value: object, rules: IdentityRules) -> Normal:
    """Normal form of one value as delivered.

    Never raises on a hostile value: whatever cannot be read is unusable with a reason out of ``missing``,
    ``empty``, ``malformed``, ``too_long``, ``too_short``, ``placeholder``, ``service_number``. A French landline is
    usable and says so (``landline``): it rings for a whole household.
    """
    if not isinstance(value, str):
        return Normal(None, "missing")
    try:
        normal = _settled(identifier_type, value, rules)
        _refuse_placeholder(identifier_type, normal, rules)
    except UnusableError as refusal:
        return Normal(None, str(refusal))
    is_landline = identifier_type == "phone" and _LANDLINE.match(normal) is not None
    return Normal(normal, LANDLINE if is_landline else None)


def normalise_values(values: pd.DataFrame, key_hash: KeyHash, rules: IdentityRules) -> pd.DataFrame:
    """Nodes of distinct identifier values.

    ``values``: identifier_type, value_hash, value (clear text; null where the clear text is not kept).
    ``key_hash(identifier_type, value)``: the keyed hash the loader used, so that a value already in normal form has
    ``node_hash == value_hash``. An unusable value keeps its ``value_hash`` as node, so it is its own customer.

    Returns one row a value: identifier_type, value_hash, node_hash, is_usable, reason (null where usable, but
    for landlines). Unknown identifier types raise ``KeyError``: the feed contract admits none.
    """
    rows: list[tuple[str, str, str, bool, str | None]] = []
    for identifier_type, value_hash, value in zip(
        values["identifier_type"].tolist(), values["value_hash"].tolist(), values["value"].tolist(), strict=True
    ):
        normal = normalise_value(identifier_type, value, rules)
        node = value_hash if normal.value is None else key_hash(identifier_type, normal.value)
        rows.append((identifier_type, value_hash, node, normal.value is not None, normal.reason))
    return pd.DataFrame(rows, columns=NODE_COLUMNS).astype({"is_usable": bool, "reason": object})


def _settled(identifier_type: str, value: str, rules: IdentityRules) -> str:
    """The normal form of the normal form: beyond ASCII, folding case or dropping a blank may compose new letters."""
    form = _NORMAL_FORMS[identifier_type]
    normal = form(_printable(value), rules)
    for _ in range(MOST_PASSES):
        if normal.isascii() or (again := form(_printable(normal), rules)) == normal:
            return normal
        normal = again
    raise UnusableError("malformed")


def _printable(value: str) -> str:
    """Compatibility form without control and invisible characters, trimmed, inner blanks collapsed to one space."""
    if len(value) > 4 * LONGEST_VALUE:
        raise UnusableError("too_long")
    folded = unicodedata.normalize("NFKC", value)
    if folded.isascii() and folded.isprintable():
        kept = folded
    else:
        kept = "".join(
            " " if character.isspace() else character
            for character in folded
            if character.isspace() or unicodedata.category(character)[0] != "C"
        )
    text = " ".join(kept.split())
    if not text:
        raise UnusableError("empty")
    if len(text) > LONGEST_VALUE:
        raise UnusableError("too_long")
    return text


def _email(text: str, rules: IdentityRules) -> str:
    address = text.lower().removeprefix("mailto:").strip(" <>\"';,")
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise UnusableError("malformed") from error
    if not local.isascii():
        local = _international_local(local, domain)
    elif _EMAIL.fullmatch(f"{local}@{domain}") is None or local.startswith(".") or local.endswith(".") or ".." in local:
        raise UnusableError("malformed")
    labels = domain.split(".")
    if any(label.startswith("-") or label.endswith("-") for label in labels):
        raise UnusableError("malformed")
    if len(labels[-1]) < 2 or labels[-1].isdigit():
        raise UnusableError("malformed")
    provider = rules.providers.get(domain)
    return f"{local}@{domain}" if provider is None else _mailbox(local, provider)


def _international_local(local: str, domain: str) -> str:
    """The part before the @ in other than ASCII letters, as RFC 6531 admits it."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(f"{local}@{domain}", check_deliverability=False)
    except EmailNotValidError as error:
        raise UnusableError("malformed") from error
    return str(checked.local_part).lower()


def _mailbox(local: str, provider: MailProvider) -> str:
    """The one mailbox all spellings of ``local`` reach at this provider."""
    if provider.plus_tags:
        local = local.partition("+")[0]
    if provider.ignores_dots:
        local = local.replace(".", "")
    if not local:
        raise UnusableError("malformed")
    return f"{local}@{provider.canonical}"


def mailbox_name(address: str) -> str:
    """What stands before the @ of a normal address, without the signs providers and people put in and leave out."""
    return _SEPARATORS.sub("", address.partition("@")[0])


def _phone(text: str, rules: IdentityRules) -> str:
    written = text.lower().removeprefix("tel:").strip()
    spreadsheet = _SPREADSHEET_NUMBER.fullmatch(written)
    if spreadsheet:
        written = spreadsheet[1]
    if _PHONE_CHARACTERS.fullmatch(written) is None:
        raise UnusableError("malformed")
    digits = re.sub(r"[^0-9]", "", written.replace("(0)", "") if written.startswith(("+", "00")) else written)
    if len(set(digits)) <= 1 and len(digits) > 1:
        raise UnusableError("placeholder")
    if written.startswith("+"):
        return _international(digits)
    if digits.startswith("00"):
        return _international(digits[2:])
    if rules.phone_region != FRANCE:
        return _of_country(digits, rules.phone_region)
    if len(digits) == 10 and digits[0] == "0":
        return _french(digits[1:])
    if len(digits) == 9 and digits[0] in "1234567":
        return _french(digits)  # a spreadsheet ate the leading zero
    if len(digits) in (11, 12) and digits.startswith("33"):
        return _international(digits)
    raise UnusableError("too_short" if len(digits) < 9 else "malformed")


def _international(digits: str) -> str:
    if digits.startswith("33"):
        return _french(digits[2:].removeprefix("0"))
    if len(digits) < 8:
        raise UnusableError("too_short")
    if len(digits) > 15 or digits.startswith("0"):
        raise UnusableError("malformed")
    return _of_country(f"+{digits}", None)


def _of_country(written: str, region: str | None) -> str:
    """E.164 by the numbering plan of ``region``, or of the country code the number begins with."""
    import phonenumbers  # a tenth of a second to import, and an ordinary French number does without

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException as error:
        too_short = error.error_type == phonenumbers.NumberParseException.TOO_SHORT_NSN
        raise UnusableError("too_short" if too_short else "malformed") from error
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible == phonenumbers.ValidationResult.TOO_SHORT:
        raise UnusableError("too_short")
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise UnusableError("malformed")
    if phonenumbers.number_type(number) in _SERVICE_TYPES:
        raise UnusableError("service_number")
    normal = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if normal.startswith("+33"):
        return _french(normal[3:])
    if len(normal) < 9:
        raise UnusableError("too_short")
    return normal


def _french(national: str) -> str:
    """E.164 of the nine national digits."""
    if len(national) != 9 or national[0] == "0":
        raise UnusableError("too_short" if len(national) < 9 else "malformed")
    if national[0] == "8":
        raise UnusableError("service_number")
    return f"+{_OVERSEAS.get(national[:3], '33')}{national}"


def _business_id(text: str, rules: IdentityRules) -> str:
    return text.upper().replace(" ", "")


def _as_it_is(text: str, rules: IdentityRules) -> str:
    if len(text) < SHORTEST_TOKEN:
        raise UnusableError("too_short")
    return text


def _handle(text: str, rules: IdentityRules) -> str:
    network, colon, name = text.casefold().rpartition(":")
    bare = name.strip().lstrip("@")
    if not bare:
        raise UnusableError("empty")
    return f"{network.strip()}{colon}{bare}"


def _postal_key(text: str, rules: IdentityRules) -> str:
    folded = text.casefold().replace("œ", "oe").replace("æ", "ae")
    bare = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    key = " ".join("".join(c if c.isalnum() else " " for c in bare).split())
    if len(key) < SHORTEST_POSTAL_KEY:
        raise UnusableError("placeholder" if key in rules.placeholders.get("postal_key", ()) else "too_short")
    return key


def _refuse_placeholder(identifier_type: str, normal: str, rules: IdentityRules) -> None:
    listed = rules.placeholders.get(identifier_type, ())
    compared = normal.casefold() if identifier_type in ("device_id", "cookie_id") else normal
    if compared in listed:
        raise UnusableError("placeholder")
    signs = [c for c in normal if c.isalnum()]
    if not signs or (identifier_type != "email" and _is_filler(signs)):
        raise UnusableError("placeholder")


def _is_filler(signs: list[str]) -> bool:
    """Zeros or one letter repeated ("00000", "XXXX"); 11111 may well be somebody's number in a CRM."""
    first = signs[0]
    if any(sign != first for sign in signs):
        return False
    return first == "0" or (not first.isdigit() and len(signs) > 1)


_NORMAL_FORMS: dict[str, Callable[[str, IdentityRules], str]] = {
    "crm_id": _business_id,
    "loyalty_id": _business_id,
    "email": _email,
    "phone": _phone,
    "device_id": _as_it_is,
    "cookie_id": _as_it_is,
    "social_handle": _handle,
    "postal_key": _postal_key,
}
