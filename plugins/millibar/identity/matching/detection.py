"""What the columns of an unknown file say: by their names in any spelling, then by what they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from millibar.identity.dates import choose_formats, parses
from millibar.identity.matching.plan import DATE_FORMATS, MOST_EXTRAS, Extra, ExtraKind, Field, MatchPlan, in_order
from millibar.identity.names import fold

SAMPLE = 5_000
MOSTLY = 0.9  # of the filled values look like it
NEARLY_UNIQUE = 0.98
FEW_VALUES = 12  # up to here a column is a category
LEAST_FILLED = 0.05
MOST_SHARED_TEXT = 0.8  # distinct values per filled one beyond which a text is prose or a key, not a property
LONGEST_PROPERTY = 60  # letters on average

# Words of column names, folded and without separators. The first field that claims a column has it.
NAMES: dict[Field, tuple[str, ...]] = {
    Field.RECORD_ID: ("recordid", "recid", "uniqueid", "uid", "rowid", "id"),
    Field.SOURCE: ("source", "sourcesystem", "system", "sourcedataset", "origine", "origin", "dataset"),
    Field.GIVEN_NAME: (
        *("firstname", "givenname", "prenom", "forename", "first", "fname", "christianname", "vorname", "nombre"),
        *("nomepersona", "givennames", "firstnames", "prenoms", "prenomusuel", "voornaam"),
    ),
    Field.FAMILY_NAME: (
        *("lastname", "familyname", "surname", "nom", "nomdefamille", "nomfamille", "last", "lname", "nachname"),
        *("apellido", "apellidos", "cognome", "sname", "secondname", "nomusage", "nomdusage", "achternaam"),
    ),
    Field.FULL_NAME: (
        *("fullname", "name", "nomcomplet", "nomprenom", "prenomnom", "completename", "customername", "personname"),
        *("firstandsurname", "displayname", "raisonsociale", "nometprenom"),
    ),
    Field.BIRTH_DATE: (
        *("birthdate", "dateofbirth", "dob", "datenaissance", "datedenaissance", "naissance", "birthday", "born"),
        *("nele", "geburtsdatum", "geburtstag", "fechanacimiento", "fechadenacimiento", "dtnaissance", "birth"),
        *("birthyear", "yearofbirth", "anneenaissance", "anneedenaissance", "datanascita"),
    ),
    Field.EMAIL: (
        "email",
        "mail",
        "emailaddress",
        "mailaddress",
        "courriel",
        "mel",
        "adresseemail",
        "adressemail",
        "correo",
    ),
    Field.PHONE: (
        *("phone", "phonenumber", "tel", "telephone", "mobile", "mobilephone", "cell", "cellphone", "portable"),
        *("telephonenumber", "numerotelephone", "telmobile", "telportable", "phonemobile", "gsm", "handy", "phone1"),
    ),
    Field.STREET: (
        *("street", "streetname", "address1", "addressline1", "adresse", "adresse1", "rue", "voie", "address", "addr"),
        *("streetaddress", "strasse", "calle", "direccion", "via", "adressepostale", "libellevoie", "addressline"),
    ),
    Field.HOUSE_NUMBER: (
        "streetnumber",
        "housenumber",
        "numero",
        "numerovoie",
        "hausnummer",
        "streetno",
        "houseno",
        "numvoie",
    ),
    Field.POSTAL_CODE: (
        *("postalcode", "postcode", "zip", "zipcode", "codepostal", "cp", "plz", "postcodefake", "codigopostal", "cap"),
        *("pcode", "postleitzahl"),
    ),
    Field.CITY: (
        *(
            "city",
            "town",
            "ville",
            "suburb",
            "commune",
            "locality",
            "localite",
            "ort",
            "stadt",
            "ciudad",
            "municipality",
        ),
    ),
    Field.COUNTRY: ("country", "pays", "land", "countrycode", "codepays", "pais"),
    Field.LOYALTY_ID: (
        *("loyaltyid", "loyaltynumber", "loyaltycard", "cartefidelite", "numcarte", "numerocarte", "cardnumber"),
        *("cardid", "membershipid", "memberid", "membernumber", "idfidelite", "numerofidelite", "loyalty"),
    ),
    Field.CRM_ID: (
        "crmid",
        "customerid",
        "customernumber",
        "clientid",
        "numclient",
        "numeroclient",
        "idclient",
        "accountid",
    ),
    Field.POSTAL_KEY: ("postalkey", "cleadresse", "addresskey"),
}
IDENTIFIER_WORDS = (
    *(
        "ssn",
        "socsecid",
        "socialsecurity",
        "socialsecuritynumber",
        "nationalid",
        "nationalidentitynumber",
        "nir",
        "nhs",
    ),
    *(
        "passport",
        "passportnumber",
        "taxid",
        "iban",
        "siren",
        "siret",
        "driverlicence",
        "driverlicense",
        "insee",
        "nhsnumber",
    ),
)
CATEGORY_WORDS = ("gender", "sex", "sexe", "genre", "civilite")
# Words of columns that describe the row rather than the person, or follow from a field already used.
IGNORED_WORDS = (
    *(
        "cluster",
        "truth",
        "entityid",
        "personid",
        "groundtruth",
        "label",
        "updatedat",
        "createdat",
        "updated",
        "created",
    ),
    *("state", "region", "province", "county", "department", "departement", "canton", "statedchannel", "statedhour"),
    *("acquisitionchannel", "consent", "optin", "modified", "timestamp", "loadedat", "batch", "filename", "address2"),
    *("addressline2", "adresse2", "complement", "title", "titre", "salutation", "age", "firstandsurname", "comment"),
    *("notes", "note", "remark", "commentaire"),
)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[a-zA-Z]{2,}")
_PHONE = re.compile(r"\+?[0-9][0-9 ./()\-]{7,18}")
_POSTAL = re.compile(r"\d{4,5}|[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}")


def detect(frame: pd.DataFrame, truth: str | None = None) -> MatchPlan:
    """A plan for a file of texts (missing values null), from its column names and its contents.

    ``truth``: a column that must not be used. The record id is record_id, else unique_id, rec_id, id where unique,
    else the row number; the plan's notes say so. What is assumed is in ``notes``.
    """
    columns = [column for column in frame.columns if column != truth]
    taken: dict[Field, str] = {}
    notes: list[str] = []
    _take_record_id(frame, columns, taken, notes)
    for name in Field:
        if name is not Field.RECORD_ID:
            _take_named(frame, columns, taken, name)
    _take_by_contents(frame, columns, taken, notes)
    _drop_constant(frame, taken)
    extras = _extras(frame, columns, taken, notes)
    order = [name for name in Field if name in taken]
    notes += [f"{name}: column {taken[name]}" for name in order if name is not Field.RECORD_ID]
    return MatchPlan(in_order({str(name): taken[name] for name in order}), extras, notes=tuple(notes))


def bare(column: str) -> str:
    """A column name without case, accents and separators."""
    return "".join(sign for sign in fold(str(column)) if sign.isalnum())


def _take_record_id(frame: pd.DataFrame, columns: list[str], taken: dict[Field, str], notes: list[str]) -> None:
    for word in NAMES[Field.RECORD_ID]:
        for column in columns:
            values = frame[column]
            if bare(column) == word and (word == "recordid" or (values.notna().all() and values.is_unique)):
                taken[Field.RECORD_ID] = column
                if word != "recordid":
                    notes.append(f"record_id: column {column}")
                return
    notes.append("record_id: no column holds one, so records are named by their row number")


def _take_named(frame: pd.DataFrame, columns: list[str], taken: dict[Field, str], name: Field) -> None:
    for word in NAMES[name]:
        for column in columns:
            if bare(column) == word and column not in taken.values() and frame[column].notna().any():
                taken[name] = column
                return


def _take_by_contents(frame: pd.DataFrame, columns: list[str], taken: dict[Field, str], notes: list[str]) -> None:
    """Mails, dates of birth and phones under names nobody foresaw."""
    for column in columns:
        if column in taken.values() or bare(column) in IGNORED_WORDS:
            continue
        name = _looks_like(_sample(frame[column]), taken, bare(column))
        if name is not None:
            taken[name] = column
            notes.append(f"{name}: recognised by what column {column} holds")


def _looks_like(values: list[str], taken: dict[Field, str], word: str) -> Field | None:
    if not values:
        return None
    if Field.EMAIL not in taken and _share(values, _EMAIL) >= MOSTLY:
        return Field.EMAIL
    wanted = {
        part: field for field, part in ((Field.PHONE, "phone"), (Field.PHONE, "tel"), (Field.BIRTH_DATE, "birth"))
    }
    wanted |= {"naiss": Field.BIRTH_DATE, "zip": Field.POSTAL_CODE, "post": Field.POSTAL_CODE, "mobil": Field.PHONE}
    for part, name in wanted.items():
        if part in word and name not in taken and _fits(name, values):
            return name
    if Field.PHONE not in taken and _share(values, _PHONE) >= MOSTLY and _spelled_like_phones(values):
        return Field.PHONE
    return None


def _fits(name: Field, values: list[str]) -> bool:
    if name is Field.BIRTH_DATE:
        best = choose_formats(values, DATE_FORMATS)[0]
        return sum(parses(value, best) for value in values) >= MOSTLY * len(values)
    return _share(values, _PHONE if name is Field.PHONE else _POSTAL) >= MOSTLY


def _spelled_like_phones(values: list[str]) -> bool:
    """Numbers people dial start with + or 0 and are written in groups; keys of a system are not."""
    return sum(v.startswith(("+", "0")) for v in values) >= MOSTLY * len(values) and any(
        " " in v or "." in v for v in values
    )


def _drop_constant(frame: pd.DataFrame, taken: dict[Field, str]) -> None:
    """A column that says the same of everybody (a country) says nothing."""
    for name in (Field.COUNTRY, Field.SOURCE):
        if name in taken and frame[taken[name]].nunique() < 2:
            del taken[name]
    if Field.CRM_ID in taken and frame[taken[Field.CRM_ID]].dropna().is_unique:
        del taken[Field.CRM_ID]  # one a record: the key of the file, not of a person
    if Field.LOYALTY_ID in taken and frame[taken[Field.LOYALTY_ID]].dropna().is_unique:
        del taken[Field.LOYALTY_ID]


def _extras(
    frame: pd.DataFrame, columns: Sequence[str], taken: dict[Field, str], notes: list[str]
) -> tuple[Extra, ...]:
    found = []
    for column in columns:
        word = bare(column)
        if column in taken.values() or word in IGNORED_WORDS or any(word in words for words in NAMES.values()):
            continue
        kind = extra_kind(frame[column], word)
        if kind is not None:
            found.append(Extra(extra_name(column), column, kind))
    rank = {ExtraKind.IDENTIFIER: 0, ExtraKind.TEXT: 1, ExtraKind.CATEGORY: 2}
    found = sorted(found, key=lambda extra: rank[extra.kind])[:MOST_EXTRAS]
    notes += [f"{extra.column}: compared as {extra.kind}" for extra in found]
    return tuple(found)


def extra_name(column: str) -> str:
    """Feature column of an extra."""
    return "extra_" + (re.sub(r"[^a-z0-9]+", "_", fold(str(column))).strip("_") or "column")


def extra_kind(values: pd.Series, word: str) -> ExtraKind | None:
    """How a column may be compared, None where it says nothing about who somebody is."""
    filled = values.dropna()
    if len(filled) < max(LEAST_FILLED * len(values), 1):
        return None
    distinct = int(filled.nunique())
    share = distinct / len(filled)
    if word in IDENTIFIER_WORDS:
        return ExtraKind.IDENTIFIER if distinct < len(filled) or len(filled) < SAMPLE else None
    if distinct < 2:
        return None
    if word in CATEGORY_WORDS or distinct <= FEW_VALUES:
        return ExtraKind.CATEGORY
    texts = _sample(filled)
    if share > MOST_SHARED_TEXT or sum(map(len, texts)) > LONGEST_PROPERTY * len(texts):
        return None
    if sum(any(c.isalpha() for c in text) for text in texts) < 0.5 * len(texts):
        return None  # amounts, counts, dates: not a property a person keeps
    return ExtraKind.TEXT


def _sample(values: pd.Series) -> list[str]:
    return [str(value) for value in values.dropna().drop_duplicates().head(SAMPLE)]


def _share(values: list[str], pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(value.strip()) is not None for value in values) / len(values)
