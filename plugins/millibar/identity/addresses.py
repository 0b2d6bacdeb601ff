"""Postal addresses in parts that can be compared: streets in one spelling, house number apart, codes, towns."""

from __future__ import annotations

import re

from millibar.identity.names import fold

LONGEST = 160

# Spellings of the kinds of street and of what stands around them; any other country's words are folded and kept.
_WORDS = {
    **dict.fromkeys(("av", "ave", "aven"), "avenue"),
    **dict.fromkeys(("bd", "bld", "blvd", "boul", "bvd"), "boulevard"),
    **dict.fromkeys(("r",), "rue"),
    **dict.fromkeys(("pl", "plc"), "place"),
    **dict.fromkeys(("imp",), "impasse"),
    **dict.fromkeys(("all", "al"), "allee"),
    **dict.fromkeys(("ch", "che", "chem"), "chemin"),
    **dict.fromkeys(("rte",), "route"),
    **dict.fromkeys(("sq",), "square"),
    **dict.fromkeys(("fg", "fbg", "fb"), "faubourg"),
    **dict.fromkeys(("lot",), "lotissement"),
    **dict.fromkeys(("res",), "residence"),
    **dict.fromkeys(("qu",), "quai"),
    **dict.fromkeys(("crs",), "cours"),
    **dict.fromkeys(("st",), "saint"),
    **dict.fromkeys(("ste",), "sainte"),
    **dict.fromkeys(("gal",), "general"),
    **dict.fromkeys(("mal",), "marechal"),
    **dict.fromkeys(("str",), "street"),
    **dict.fromkeys(("rd",), "road"),
    **dict.fromkeys(("ln",), "lane"),
    **dict.fromkeys(("dr",), "drive"),
    **dict.fromkeys(("ct",), "court"),
}
_KINDS = frozenset(
    [
        "rue",
        "avenue",
        "boulevard",
        "place",
        "impasse",
        "allee",
        "chemin",
        "route",
        "square",
        "faubourg",
        "quai",
        "cours",
        "passage",
        "villa",
        "residence",
        "cite",
        "street",
        "road",
        "lane",
        "drive",
        "court",
        "close",
        "crescent",
        "way",
        "terrace",
        "gardens",
        "grove",
        "circuit",
        "strasse",
        "via",
        "calle",
    ]
)
_SMALL_WORDS = frozenset(["de", "du", "des", "d", "la", "le", "les", "l", "et", "a", "au", "aux", "the", "of"])
# From these words on an address tells the door, not the house.
_DOOR = re.compile(
    r"\b(?:appt?|appartement|apt|apartment|flat|unit|esc|escalier|bat|batiment|etg|etage|porte|hall|interphone|cage)\b"
    r"\.? *[\w]*"
)
_POST_BOX = re.compile(r"\b(?:bp|cs|po box|boite postale) *\d+\b")
_NUMBER = re.compile(r"^(\d{1,5}) *(bis|ter|quater|[a-h])?\b(?: *[-/] *\d{1,5})?")
_NOT_WORDS = re.compile(r"[^\w]+|_+")
_CEDEX = re.compile(r"\bcedex\b *\d*")
_DISTRICT = re.compile(r"\b\d{1,2} *(?:e|er|eme)\b.*$|\b\d{1,3}\b")


def split_street(text: str) -> tuple[str | None, str | None]:
    """Street and house number in normal form: ``12 bis, Bd. de l'Été`` -> (``boulevard ete``, ``12bis``)."""
    plain = _NOT_WORDS.sub(" ", fold(text[:LONGEST])).strip()
    plain = _POST_BOX.sub(" ", _DOOR.sub(" ", plain)).strip()
    number = None
    match = _NUMBER.match(plain)
    if match:
        number = match[1].lstrip("0") + (match[2] or "")
        plain = plain[match.end() :]
    words = [_WORDS.get(word, word) for word in plain.split()]
    street = " ".join(word for word in words if word not in _SMALL_WORDS)
    return street or None, number or None


def street_stem(street: str) -> str:
    """First letters of a street's own name (normal form in), so that a slip later in it does no harm."""
    words = street.split(" ")
    own = [word for word in words if word not in _KINDS] or words
    return "".join(own)[:5]


def house_number(text: str) -> str | None:
    """``0012 Bis`` -> ``12bis``."""
    plain = _NOT_WORDS.sub("", fold(text[:LONGEST]))
    return plain.lstrip("0") or None


def postal_code(text: str) -> str | None:
    """Signs of a postal code without leading zeros, which spreadsheets eat: ``01 000`` and ``1000.0`` -> ``1000``."""
    plain = _NOT_WORDS.sub("", fold(text[:40]).removesuffix(".0"))
    if plain.isdecimal():
        return plain.lstrip("0") or None
    return plain if any(c.isalnum() for c in plain) and plain not in ("na", "null", "none", "nan") else None


def city(text: str) -> str | None:
    """Town without cedex and district: ``PARIS CEDEX 08`` and ``Paris 8e`` -> ``paris``; ``St`` is spelled out."""
    plain = _NOT_WORDS.sub(" ", fold(text[:LONGEST]))
    plain = _DISTRICT.sub(" ", _CEDEX.sub(" ", plain))
    words = [{"st": "saint", "ste": "sainte"}.get(word, word) for word in plain.split()]
    words = [word for word in words if word not in _SMALL_WORDS or len(words) == 1]
    town = " ".join(words)
    return town if any(c.isalpha() for c in town) and town not in ("na", "null", "none", "nan") else None
