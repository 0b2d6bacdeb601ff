"""The example sources on data nobody here wrote, against an independent reading of the same files."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd

from millibar.sources.load import load_source
from millibar.sources.mapping import read_sources
from unit.sources.shop import Shop

EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples"
AS_OF = date(2025, 3, 1)


def load_examples(shop: Shop, example: str, landing: Path) -> None:
    settings = replace(shop.settings, landing=landing)
    for source in read_sources(EXAMPLES / example):
        report = load_source(shop.warehouse, settings, source, "run", AS_OF)
        assert not report.failed
        assert report.total("rejected") == 0


def test_web_sessions_hold_what_the_text_holds(shop: Shop, reference_data: Path) -> None:
    folder = reference_data / "sessions"
    (path,) = folder.glob("*.tsv")
    text = path.read_text().replace("\r", "")
    # A session begins with its customer: 16 hexadecimal digits. What follows until the next one belongs to it.
    sessions = [entry.replace("\n", " ").split("\t") for entry in re.split(r"\n(?=[0-9a-f]{16}\t)", text.rstrip("\n"))][
        1:
    ]
    paid = [entry for entry in sessions if entry[4].strip() == "1000"]
    load_examples(shop, "web_sessions", folder)
    assert len(sessions) == 13_159
    assert shop.warehouse.value("select count(*) from raw.touchpoints") == len(sessions)
    assert shop.warehouse.value("select count(distinct crm_id) from raw.touchpoints") == len(
        {entry[0] for entry in sessions}
    )
    channels = Counter(entry[3] for entry in sessions)
    found = dict(shop.raw("channel, (count(*) over (partition by channel)) as rows"))
    assert found["search_paid"] == channels["Adwords/ SEA_NON-BRAND"] == 145
    assert found["search_organic"] == channels["SEO_BRAND"] + channels["SEO_NON-BRAND"]
    assert sum(found.values()) == len(sessions)
    assert shop.raw("count(*), sum(amount)", "orders") == [(len(paid), Decimal(1000 * len(paid)))]
    assert {entry[1] for entry in paid} == {key.removeprefix("session-") for (key,) in shop.raw("order_id", "orders")}


def test_purchases_hold_what_pandas_reads(shop: Shop, reference_data: Path) -> None:
    folder = reference_data / "cdnow"
    frame = pd.read_csv(folder / "CDNOW_master.txt", sep=r"\s+", dtype=str)
    load_examples(shop, "cdnow", folder)
    (found,) = shop.raw("count(*), sum(amount) as amount, sum(items), count(distinct crm_id) as customers", "orders")
    revenue = sum(Decimal(value) for value in frame["dollar_value"])
    pieces = int(frame["number_of_cds"].astype(int).sum())
    assert found == (len(frame), revenue, pieces, frame["customer_id"].nunique())
    day = "(ordered_at at time zone 'America/New_York')::date::text"
    days = shop.warehouse.rows(f"select {day} as day, count(*) as n from raw.orders group by 1")
    expected = Counter(f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in frame["date"])
    assert {entry["day"]: entry["n"] for entry in days} == dict(expected)
