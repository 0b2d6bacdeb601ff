"""Normal form of a person's names: accents, particles, titles, compounds, short forms, and how they sound."""

from __future__ import annotations

import csv
import functools
import re
import unicodedata
from pathlib import Path

LONGEST_NAME = 120

_LIGATURES = str.maketrans(
    {"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_PLAIN = re.compile(r"[a-z]+(?: [a-z]+)*")
_APOSTROPHES = re.compile(r"['’ʼ`´]")
_NOT_LETTERS = re.compile(r"[^\w]+|_+")
TITLES = frozenset(
    [
        "m",
        "mr",
        "mme",
        "mlle",
        "mrs",
        "ms",
        "miss",
        "dr",
        "docteur",
        "pr",
        "prof",
        "professeur",
        "monsieur",
        "madame",
        "mademoiselle",
        "sir",
        "dame",
        "lord",
        "lady",
        "rev",
        "reverend",
        "herr",
        "frau",
        "sig",
        "sr",
        "sra",
        "jr",
        "capt",
        "captain",
        "major",
        "colonel",
        "col",
        "maitre",
        "me",
        "esq",
        "esquire",
    ]
)
# Particles some systems write and others leave out; an article (le, la) is part of the name and grows on to it.
PARTICLES = frozenset(
    [
        "de",
        "du",
        "des",
        "d",
        "da",
        "di",
        "do",
        "dos",
        "das",
        "del",
        "della",
        "von",
        "van",
        "der",
        "den",
        "zu",
        "zur",
        "zum",
        "ter",
        "ten",
        "und",
        "y",
    ]
)
ARTICLES = frozenset(["le", "la", "les", "el", "al", "o", "mac", "mc", "st", "saint"])
# What clerks type where nobody gave a name.
NOT_NAMES = frozenset(
    [
        "nc",
        "na",
        "nr",
        "nd",
        "inconnu",
        "inconnue",
        "unknown",
        "anonyme",
        "anonymous",
        "aucun",
        "aucune",
        "none",
        "null",
        "nan",
        "test",
        "xxx",
        "xx",
        "x",
        "xxxx",
        "client",
        "cliente",
        "customer",
        "guest",
        "invite",
        "prenom",
        "nom",
        "name",
        "firstname",
        "lastname",
        "undefined",
        "sans",
    ]
)

ABBREVIATIONS = frozenset(("n c", "n a", "n r", "n d"))  # n/c: not told


def fold(text: str) -> str:
    """Lower case without accents and ligatures; letters of other scripts stay as they are."""
    if text.isascii():
        return text.lower()
    lowered = unicodedata.normalize("NFKC", text).casefold().translate(_LIGATURES)
    return "".join(c for c in unicodedata.normalize("NFKD", lowered) if not unicodedata.combining(c))


def tokens(text: str) -> list[str]:
    """Words of letters and digits of a folded text; invisible characters part nothing."""
    folded = fold(text[: 4 * LONGEST_NAME])
    if _PLAIN.fullmatch(folded):
        return folded.split(" ")
    visible = "".join(c for c in folded if c.isspace() or unicodedata.category(c)[0] != "C")
    glued = _APOSTROPHES.sub("'", visible)
    glued = re.sub(r"\b(d)'", r"\1 ", glued).replace("'", "")
    return [word for word in _NOT_LETTERS.split(glued) if word]


def given_name(text: str) -> str | None:
    """Normal form of a first name (``Jean-Pierre`` -> ``jean pierre``), None where it names nobody."""
    words = [word for word in tokens(text) if not word.isdigit()]
    bare = [word for word in words if word not in TITLES] or words
    return _joined(bare)


def family_name(text: str) -> str | None:
    """Normal form of a family name (``de La Fontaine`` -> ``lafontaine``), None where it names nobody."""
    words = [word for word in tokens(text) if not word.isdigit()]
    words = [word for word in words if word not in TITLES] or words
    words = [word for word in words if word not in PARTICLES] or words
    glued: list[str] = []
    article = ""
    for word in words:
        if word in ARTICLES:
            article += word
        else:
            glued.append(article + word)
            article = ""
    if article:
        glued.append(article)
    return _joined(glued)


def _joined(words: list[str]) -> str | None:
    if not words or all(word in NOT_NAMES for word in words) or " ".join(words) in ABBREVIATIONS:
        return None
    name = " ".join(words)[:LONGEST_NAME].strip()
    letters = name.replace(" ", "")
    if not any(letter.isalpha() for letter in letters):
        return None
    return None if len(letters) > 2 and len(set(letters)) == 1 else name


def split_full_name(text: str) -> tuple[str, str]:
    """First and family name of a name in one piece: ``Dupont, Jean``, ``DUPONT Jean`` or ``Jean Dupont``."""
    family, comma, given = text.partition(",")
    if comma and given.strip():
        return given, family
    words = text.split()
    if len(words) < 2:
        return "", text
    capitals = [word.isupper() and len(word) > 1 for word in words]
    if capitals[0] and not all(capitals):
        place = capitals.index(False)
        return " ".join(words[place:]), " ".join(words[:place])
    return " ".join(words[:-1]), words[-1]


def name_key(given: str | None, family: str | None) -> str | None:
    """Sorted words of both names: the same whichever was typed into which field."""
    words = sorted(f"{given or ''} {family or ''}".split())
    return " ".join(words) or None


@functools.cache
def short_forms() -> dict[str, str]:
    """Short form or variant of a first name -> the name it stands for (nicknames.csv)."""
    path = Path(__file__).with_name("nicknames.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {row["short"]: row["name"] for row in rows}


def root_name(given: str) -> str:
    """First name with its short forms resolved: ``alex`` and ``alexandre`` have one root."""
    known = short_forms()
    if given in known:
        return known[given]
    return " ".join(known.get(word, word) for word in given.split(" "))


_SOUNDS = (
    (re.compile(r"ph"), "f"),
    (re.compile(r"bv"), "v"),
    (re.compile(r"eau|au"), "o"),
    (re.compile(r"ck|qu|q|c(?=[aoulrnk]|$)|k"), "k"),
    (re.compile(r"c(?=[eiy])|ss|z|ç"), "s"),
    (re.compile(r"gn"), "n"),
    (re.compile(r"ai|ei|ay|ey"), "e"),
    (re.compile(r"(?<!^)h"), ""),
    (re.compile(r"w"), "v"),
    (re.compile(r"y|j"), "i"),
    (re.compile(r"[tdsxe]+$"), ""),
)
_REPEATED = re.compile(r"(.)\1+")
_VOWELS = re.compile(r"(?<!^)[aeiou]")


def sound(name: str) -> str:
    """How a name sounds, roughly (French first): first letter and consonants of at most two words' worth."""
    text = name.replace(" ", "")
    for pattern, replacement in _SOUNDS:
        shorter = pattern.sub(replacement, text)
        text = shorter or text
    return _REPEATED.sub(r"\1", _VOWELS.sub("", text))[:6]
