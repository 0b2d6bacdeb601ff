"""CRM records of a simulated market as one table of the customers feed, with the person behind each as `cluster`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

# Columns of each CRM export -> the customers feed, as config/sources/crm_*.yml maps them.
SHOP = {
    "NUM_FICHE": "record_id", "NUM_CARTE": "loyalty_id", "PRENOM": "first_name", "NOM": "last_name",
    "NE_LE": "birth_date", "TEL": "phone", "MEL": "email", "ADRESSE": "street", "CP": "postal_code",
    "VILLE": "city", "CLE_ADRESSE": "postal_key",
}  # fmt: skip
ESHOP = {
    "account_id": "record_id", "firstName": "first_name", "lastName": "last_name", "birthday": "birth_date",
    "email": "email", "mobile": "phone", "address": "street", "zip": "postal_code", "city": "city",
}  # fmt: skip
CALLS = {
    "file_no": "record_id", "first": "first_name", "last": "last_name", "phone": "phone", "mail": "email",
    "postcode": "postal_code", "town": "city",
}  # fmt: skip


def market_records(landing: Path, truth: Path) -> pd.DataFrame:
    """The last version of every CRM record, texts, with ``cluster``: the person's number."""
    parts = [
        pd.read_csv(path, sep=";", encoding="latin-1", dtype=str).rename(columns=SHOP).assign(source="crm_shop")
        for path in sorted(landing.glob("*/clients_magasin*.csv"))
    ]
    for path in sorted(landing.glob("*/accounts*.jsonl")):
        told = pd.read_json(path, lines=True, dtype=False).astype(object).drop(columns="source", errors="ignore")
        renamed = told.rename(columns=ESHOP).assign(source="crm_ecommerce")
        parts.append(renamed.assign(crm_id=renamed["record_id"]))
    for path in sorted(landing.glob("*/callers*.tsv")):
        renamed = pd.read_csv(path, sep="\t", dtype=str).rename(columns=CALLS).assign(source="crm_callcenter")
        parts.append(renamed.assign(crm_id=renamed["record_id"]))
    columns = list(dict.fromkeys([*SHOP.values(), "crm_id", "source"]))
    records = pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)
    records["birth_date"] = records["birth_date"].map(_iso)
    records = records.drop_duplicates(["source", "record_id"], keep="last")
    persons = pd.read_parquet(truth / "records.parquet")[["source", "record_id", "person_id"]]
    joined = records.merge(persons, on=["source", "record_id"])
    joined["record_id"] = joined["source"] + ":" + joined["record_id"]
    return joined.rename(columns={"person_id": "cluster"}).astype({"cluster": str})


def _iso(told: object) -> object:
    """The loader hands dates on as ISO, so the features see them that way."""
    if isinstance(told, str) and "/" in told:
        day, month, year = told.split("/")
        return f"{year}-{month}-{day}"
    return told
