"""The identity stage on an ordinary day, 1 % new records, against a full run over all of them.

Run by hand: python tests/benchmarks/bench_identity_daily.py [--records 200000]. Prints the seconds of the first run (it
trains the model), of the day after with 1 % new records, of a day without any, and of a rebuild, step by step; the ratio
of day to rebuild (bar: 10 %); the rows the rebuild found wrong (bar: 0); how right the customers are; and the peak
memory. Starts the embedded PostgreSQL in a temporary folder, or takes an empty database by --uri.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import uuid
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from millibar.identity.quality import measure
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import identity
from millibar.settings import Settings
from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.sources.personal import hash_value
from millibar.warehouse import schema
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer

AS_OF = date(2025, 6, 30)
NEW_SHARE = 0.01
RECORDS_PER_PERSON = 2.5
INPUTS = {
    "signatures": f"""signature uuid primary key, {", ".join(f"{name} text" for name in IDENTIFIER_TYPES)},
        records bigint, customer_records bigint, first_seen_at timestamptz, last_seen_at timestamptz, change_id bigint""",
    "seen": """signature uuid, trust_order integer, identifier_type text, value_hash text, records bigint,
        customer_records bigint, first_seen_at timestamptz, last_seen_at timestamptz, change_id bigint""",
    "linked": """_row_key uuid primary key, left_type text, left_hash text, right_type text, right_hash text,
        observed_at timestamptz, is_gone boolean, change_id bigint""",
    "record_versions": f"""record_key text primary key, source text, record_id text,
        {", ".join(f"{name} text" for name in IDENTIFIER_TYPES)}, country text, updated_at timestamptz, _row_key uuid,
        is_gone boolean, change_id bigint""",
}
# As the dbt models index them.
INDEXES = """
    create index on intermediate.int_identity__signatures (change_id);
    create index on intermediate.int_identity__seen (identifier_type, value_hash);
    create index on intermediate.int_identity__seen (signature);
    create index on intermediate.int_identity__linked (left_type, left_hash, right_type, right_hash);
    create index on intermediate.int_identity__linked (right_type, right_hash);
    create index on intermediate.int_identity__linked (change_id);
    create index on intermediate.int_identity__record_versions (change_id);
"""
SYLLABLES = ("ba", "be", "bo", "ca", "cha", "da", "de", "du", "fa", "fe", "ga", "gau", "jo", "la", "le", "lou", "ma", "mi",
             "mo", "na", "ni", "pa", "pe", "ra", "rou", "sa", "si", "ta", "tho", "va", "vi", "za")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--uri", help="an empty database to use in place of the embedded server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_identity_") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = None if arguments.uri else EmbeddedServer(folder / "postgres")
        try:
            uri = arguments.uri or server.start()  # type: ignore[union-attr]
            compare(uri, folder, arguments.records)
        finally:
            if server is not None:
                server.stop()
    return 0


def compare(uri: str, folder: Path, records: int) -> None:
    """Live the days and print what they cost."""
    base = Settings.from_environment({"MILLIBAR_STATE": str(folder), "MILLIBAR_HASH_KEY": "0f" * 32})
    settings = replace(base, warehouse_uri=uri, landing=folder / "landing")
    market = crm(records, np.random.default_rng(7))
    late = np.zeros(len(market), dtype=bool)
    late[np.random.default_rng(8).choice(len(market), max(int(len(market) * NEW_SHARE), 1), replace=False)] = True
    with Warehouse.open(settings) as warehouse:
        schema.create(warehouse)
        warehouse.execute("create schema if not exists intermediate")
        for table, columns in INPUTS.items():
            warehouse.execute(f"create table intermediate.int_identity__{table} ({columns})")
        deliver(warehouse, settings, market[~late], 1)
        warehouse.execute(INDEXES)
        warehouse.execute("analyze")
        first = lived(warehouse, settings, "first run", 0)
        deliver(warehouse, settings, market[late], 2)
        day = lived(warehouse, settings, f"{int(late.sum()):,} new records", 1)
        idle = lived(warehouse, settings, "nothing new", 2)
        identity.forget(warehouse)
        rebuild = lived(warehouse, settings, "rebuild", 3)
        told = dict(warehouse.rows("select fit_quality from ops.model_runs where run_id = 'run-1'")[0]["fit_quality"])
        found = warehouse.frame(
            "select node_hash, customer_id from scores.identity_clusters where node_type = 'record'"
        )
    right = measure(
        market.set_index("record_key")["person"].reindex(found["node_hash"]).reset_index(drop=True),
        found["customer_id"],
    )
    print(
        f"day against rebuild {day / rebuild:6.1%}   against first run {day / first:6.1%}   idle {idle / rebuild:6.1%}"
    )
    print(f"closure of the day {told['closure_share']:.2%} of {told['nodes']:,} nodes")
    print(f"customers: pairwise F1 {right['pairwise_f1']:.4f}, B-cubed F1 {right['b3_f1']:.4f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


def lived(warehouse: Warehouse, settings: Settings, what: str, number: int) -> float:
    """Seconds of one run of the stage, printed with those of its steps."""
    started = time.monotonic()
    written = identity.run(warehouse, settings, RunContext(f"run-{number}", AS_OF + timedelta(days=number), 1))
    seconds = time.monotonic() - started
    inputs = warehouse.rows("select inputs from ops.model_runs where run_id = %(run)s", {"run": f"run-{number}"})
    steps = ", ".join(f"{step} {told:.1f}" for step, told in inputs[0]["inputs"]["seconds"].items())
    print(f"{what:<22}{seconds:8.1f} s  {written:>12,} rows written   ({steps})", flush=True)
    return seconds


def crm(records: int, chance: np.random.Generator) -> pd.DataFrame:
    """Records of persons, about one in three alone; slips, missing fields, family mails, a phone of a call center."""
    count = int(records / RECORDS_PER_PERSON)
    given, family = words(chance, 400, 2), words(chance, 12_000, 3)
    household = np.arange(count) // 2
    people = pd.DataFrame(
        {
            "first_name": given[(chance.random(count) ** 2 * len(given)).astype(int)],
            "last_name": family[(chance.random(count) ** 2 * len(family)).astype(int)[household]],
            "birth_date": (np.datetime64("1940-01-01") + chance.integers(0, 25_000, count)).astype(str),
            "street": np.char.add(
                (household % 90 + 1).astype(str), np.char.add(" rue ", family[household % 3_000].astype(str))
            ),
            "postal_code": (10_000 + household % 85_000).astype(str),
            "city": family[household % 4_000],
            "number": np.arange(count),
        }
    )
    person = np.sort(chance.integers(0, count, records))
    rows = people.iloc[person].reset_index(drop=True)
    rows["person"] = person
    rows["email"] = "p" + rows["number"].astype(str) + "@mail.fr"
    family_mail = chance.random(records) < 0.04
    rows.loc[family_mail, "email"] = "f" + (rows["number"] // 2).astype(str)[family_mail] + "@mail.fr"
    rows["phone"] = "06" + (10_000_000 + rows["number"]).astype(str)
    rows.loc[chance.random(records) < 0.005, "phone"] = "0698765432"
    rows["loyalty_id"] = "L" + (500_000 + rows["number"]).astype(str)
    rows["postal_key"] = rows["street"] + " " + rows["postal_code"]
    for name, share in (("email", 0.3), ("phone", 0.35), ("loyalty_id", 0.6), ("birth_date", 0.3), ("postal_key", 0.5)):
        rows[name] = rows[name].astype(object).where(chance.random(records) >= share, None)
    slips = chance.random(records) < 0.06
    rows.loc[slips, "last_name"] = rows.loc[slips, "last_name"].astype(str) + "e"
    rows["record_key"] = np.where(chance.random(records) < 0.5, "crm:", "shop:") + pd.Series(np.arange(records)).astype(
        str
    )
    rows["updated_at"] = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(chance.integers(0, 150, records), "D")
    return rows


def words(chance: np.random.Generator, count: int, syllables: int) -> np.ndarray:
    parts = np.array(SYLLABLES)[chance.integers(0, len(SYLLABLES), (count, syllables))]
    return np.array(["".join(row) for row in parts], dtype=object)


def deliver(warehouse: Warehouse, settings: Settings, rows: pd.DataFrame, change: int) -> None:
    """Records, logins of half of them with a cookie, visits with the cookie: as loader and dbt leave them."""
    kinds = ("email", "phone", "loyalty_id", "postal_key")
    rows = rows.reset_index(drop=True)
    hashed = {kind: rows[kind].map(lambda v, kind=kind: v and hash_value(settings.hash_key, kind, v)) for kind in kinds}
    clear = [
        pd.DataFrame({"identifier_type": kind, "value_hash": hashed[kind], "value": rows[kind]}).dropna()
        for kind in kinds
    ]
    logged_in = np.flatnonzero((np.arange(len(rows)) % 2 == 0) & rows["email"].notna().to_numpy())
    cookies = "cookie-" + rows.loc[logged_in, "person"].astype(str)
    cookie_hash = cookies.map(lambda value: hash_value(settings.hash_key, "cookie_id", value))
    clear.append(pd.DataFrame({"identifier_type": "cookie_id", "value_hash": cookie_hash, "value": cookies}))
    values = pd.concat(clear, ignore_index=True).drop_duplicates(["identifier_type", "value_hash"])
    known = warehouse.frame("select value_hash from pii.identifier_values")["value_hash"]
    put(warehouse, "pii.identifier_values", values[~values["value_hash"].isin(known)].assign(first_batch_id=1))
    keys = pd.Series([str(uuid.uuid4()) for _ in range(len(rows))])
    source, record_id = rows["record_key"].str.split(":").str[0], rows["record_key"].str.split(":").str[1]
    personal = rows[["first_name", "last_name", "birth_date", "street", "postal_code", "city"]]
    put(warehouse, "pii.customers", personal.assign(_row_key=keys, _batch_id=1, _source=source, record_id=record_id))
    version = pd.DataFrame(hashed).assign(
        record_key=rows["record_key"], source=source, record_id=record_id, country="FR", updated_at=rows["updated_at"],
        _row_key=keys, is_gone=False, change_id=change,
    )  # fmt: skip
    put(warehouse, "intermediate.int_identity__record_versions", version)
    carried = pd.DataFrame(hashed)
    combine(warehouse, carried, rows["updated_at"], change, is_record=True)
    seen_at = rows["updated_at"].iloc[logged_in].reset_index(drop=True)
    visits = pd.DataFrame({"cookie_id": cookie_hash.to_numpy(), "email": hashed["email"].iloc[logged_in].to_numpy()})
    combine(warehouse, visits, seen_at, change, is_record=False)
    put(warehouse, "intermediate.int_identity__linked", pd.DataFrame({
        "_row_key": [str(uuid.uuid4()) for _ in range(len(logged_in))], "left_type": "email",
        "left_hash": visits["email"], "right_type": "cookie_id", "right_hash": visits["cookie_id"],
        "observed_at": seen_at, "is_gone": False, "change_id": change,
    }))  # fmt: skip


def combine(warehouse: Warehouse, carried: pd.DataFrame, times: pd.Series, change: int, *, is_record: bool) -> None:
    """Combinations of identifiers, one a row delivered (a repeated one is a combination more, which changes nothing)."""
    count = 1
    told = pd.DataFrame({
        "signature": [str(uuid.uuid4()) for _ in range(len(carried))], "records": count,
        "customer_records": count if is_record else 0, "first_seen_at": times.to_numpy(), "last_seen_at": times.to_numpy(),
        "change_id": change,
    })  # fmt: skip
    put(warehouse, "intermediate.int_identity__signatures", pd.concat([told, carried.reset_index(drop=True)], axis=1))
    for kind in carried.columns:
        some = told.assign(
            trust_order=IDENTIFIER_TYPES.index(kind) + 1, identifier_type=kind, value_hash=carried[kind].to_numpy()
        )
        put(warehouse, "intermediate.int_identity__seen", some[some["value_hash"].notna()])


def put(warehouse: Warehouse, table: str, rows: pd.DataFrame) -> None:
    warehouse.append(table, pa.Table.from_pandas(rows, preserve_index=False))


if __name__ == "__main__":
    raise SystemExit(main())
