"""A small made-up market for tests: persons with one to three records that differ as records of a CRM do."""

from __future__ import annotations

import numpy as np
import pandas as pd

GIVEN = ["Jean", "Marie", "Pierre", "Anne", "Luc", "Claire", "Paul", "Sophie", "Marc", "Julie", "Hugo", "Emma", "Louis", "Alice", "Jules", "Chloé", "Adam", "Léa", "Noé", "Zoé", "Alexandre", "Nicolas", "Isabelle", "Catherine", "Philippe", "Véronique", "Benoît", "Élodie"]  # fmt: skip
FAMILY = [
    f"{first}{last}"
    for first in ("Ber", "Dur", "Mar", "Gau", "Lef", "Rou", "Mor", "Vil", "Cha", "Pel", "Gir", "Bon", "Fon", "Tes")
    for last in ("nard", "and", "tin", "thier", "ebvre", "sseau", "eau", "lard", "pentier", "letier", "ard", "net")
]
STREETS = [
    f"{kind} {name}" for kind in ("rue", "avenue", "place") for name in ("Hugo", "Zola", "Verdun", "Foch", "Gare")
]
SHORT = {"Alexandre": "Alex", "Nicolas": "Nico", "Isabelle": "Isa", "Catherine": "Cathy", "Philippe": "Phil"}


def market(persons: int = 1200, seed: int = 3) -> pd.DataFrame:
    """Records of the customers feed, texts, with the person in ``person``."""
    draw = np.random.default_rng(seed)
    rows = []
    for person in range(persons):
        known = _person(draw, person)
        copies = int(draw.choice([1, 2, 3], p=[0.35, 0.4, 0.25]))
        rows += [_record(draw, known, person, copy) for copy in range(copies)]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True)
    return frame.astype(object).where(frame.notna(), None)


def _person(draw: np.random.Generator, number: int) -> dict[str, str]:
    given, family = str(draw.choice(GIVEN)), str(draw.choice(FAMILY))
    born = np.datetime64("1940-01-02") + int(draw.integers(0, 23_000))
    return {
        "first_name": given,
        "last_name": family,
        "birth_date": str(born),
        "email": f"{given}.{family}{number}@orange.fr".lower(),
        "phone": f"06{draw.integers(10**7, 10**8)}",
        "street": f"{draw.integers(1, 150)} {draw.choice(STREETS)}",
        "postal_code": f"{draw.integers(1, 95):02d}{draw.integers(0, 40) * 10:03d}",
        "city": "Ville" + str(draw.integers(0, 60)),
    }


def _record(draw: np.random.Generator, known: dict[str, str], person: int, copy: int) -> dict[str, str | None]:
    told: dict[str, str | None] = dict(known)
    for name, share in (("email", 0.3), ("phone", 0.35), ("birth_date", 0.2), ("street", 0.3), ("postal_code", 0.1)):
        if draw.random() < share:
            told[name] = None
    given, family = known["first_name"], known["last_name"]
    chance = draw.random()
    if chance < 0.06:
        told["first_name"], told["last_name"] = family, given
    elif chance < 0.12:
        told["first_name"] = SHORT.get(given, given)
    elif chance < 0.2:
        place = int(draw.integers(1, len(family) - 1))
        told["last_name"] = family[:place] + family[place + 1 :]
    elif chance < 0.3:
        told["last_name"] = family.upper()
    source = ("shop", "web", "care")[copy]
    return {"record_id": f"r{person:05d}-{copy}", "source": source, "person": str(person), **told}
