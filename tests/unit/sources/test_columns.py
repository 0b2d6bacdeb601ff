"""How feed columns are made: constants, joins, prefixes, keys from the row, value maps, row filters."""

from __future__ import annotations

from unit.sources.shop import DAY, TOUCHPOINTS, Shop

NEXT = "2025-03-02"
COLUMNS = """
source: tills
feed: orders
location: {{path: "{{date}}/tills*.csv"}}
format: csv
columns:
  ordered_at: at
  amount: {{from: total, decimal: ","}}
{more}
limits: {{max_rejected_share: 0.9}}
"""


def tills(shop: Shop, more: str, *rows: str, extra: str = "") -> Shop:
    shop = shop.use(COLUMNS.format(more=more) + extra)
    shop.deliver(("\n".join(("at,total,till,nr,card", *rows)) + "\n").encode(), "tills.csv")
    shop.load()
    return shop


def test_prefix_join_and_constant(shop: Shop) -> None:
    more = "  order_id: {from: [till, nr], join: '/', prefix: 'till-'}\n  currency: {value: EUR}\n  loyalty_id: card"
    shop = tills(shop, more, '2025-02-28,"1,50",A,7,c1', '2025-02-28,"2,50",,8,c1')
    assert shop.raw("order_id, currency, amount", "orders") == [("till-8", "EUR", 2.5), ("till-A/7", "EUR", 1.5)]


def test_key_from_the_row_differs_between_files(shop: Shop) -> None:
    more = "  order_id: {from_row: 'till-{file}-{date}-{row_number}'}\n  loyalty_id: card"
    shop = tills(shop, more, "2025-02-28,1,A,7,c1", "2025-02-28,1,A,7,c1")
    assert shop.raw("order_id", "orders") == [(f"till-tills-{DAY}-2",), (f"till-tills-{DAY}-3",)]


def test_map_knows_reject_keep_and_another_value(shop: Shop) -> None:
    base = "  order_id: nr\n  loyalty_id: card\n  sales_channel: {from: till, map: {A: store, '': unknown}%s}"
    rows = ("2025-02-28,1,A,1,c", "2025-02-28,1,B,2,c", "2025-02-28,1,,3,c")
    shop = tills(shop, base % "", *rows)
    assert shop.raw("order_id, sales_channel", "orders") == [("1", "store"), ("3", "unknown")]
    (rejected,) = shop.rejected()
    assert rejected["reason"].startswith(
        "sales_channel 'B' is not in the source's map for sales_channel; expected one of 'A', ''"
    )


def test_map_keeps_unknown_values_or_writes_another(shop: Shop) -> None:
    more = "  order_id: nr\n  loyalty_id: card\n  sales_channel: {from: till, map: {A: store}, otherwise: keep}"
    shop = tills(shop, more, "2025-02-28,1,A,1,c", "2025-02-28,1,B,2,c")
    assert shop.raw("order_id, sales_channel", "orders") == [("1", "store"), ("2", "B")]
    other = tills(shop, more.replace("keep", "elsewhere"), "2025-02-28,1,C,3,c")
    assert other.raw("order_id, sales_channel", "orders") == [("3", "elsewhere")]


def test_filtered_rows_are_not_read(shop: Shop) -> None:
    more = "  order_id: nr\n  loyalty_id: card"
    rows = ("2025-02-28,1,A,1,c", "2025-02-28,bad,,2,c", "2025-02-28,bad,A,3,c")
    shop = tills(shop, more, *rows, extra="where: {column: till, not_empty: true}\n")
    batch = shop.batches()[0]
    assert (batch["rows_read"], batch["rows_loaded"], batch["rows_rejected"], batch["rows_filtered"]) == (2, 1, 1, 1)
    assert shop.rejected()[0]["line"] == 4


def test_filter_by_value(shop: Shop) -> None:
    more = "  order_id: nr\n  loyalty_id: card"
    rows = ("2025-02-28,1,A,1,c", "2025-02-28,1,B,2,c", "2025-02-28,1,C,3,c")
    shop = tills(shop, more, *rows, extra="where: {column: till, one_of: [B, C]}\n")
    assert shop.raw("order_id", "orders") == [("2",), ("3",)]


def test_blanks_inside_a_value_collapse_and_null_words_are_empty(shop: Shop) -> None:
    text = TOUCHPOINTS.replace(
        "  event_type: event", "  event_type: event\n  theme: {from: theme, collapse_whitespace: true}"
    )
    shop = shop.use(text + "csv: {null_values: ['NULL', '-']}\n")
    header = "id,at,channel,event,cost,email,theme"
    rows = (
        't1,2025-02-28,email,open,NULL,a@example.org,"spring\n  sale"',
        "t2,2025-02-28,email,open,-,a@example.org,NULL",
    )
    shop.deliver("\n".join((header, *rows)).encode())
    shop.load()
    assert shop.raw("touchpoint_id, cost, theme") == [("t1", None, "spring sale"), ("t2", None, None)]
