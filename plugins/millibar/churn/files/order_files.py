"""Files of orders (customer, time, amount) as purchase days: a row a customer and local day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.blocks import FileError
from millibar.sources.table_files import TableFile, find_column, read_table, shown

Flags = npt.NDArray[np.bool_]
KNOWN_NAMES = {
    "customer": ("customer_id", "customer", "client_id", "user_id", "customerid", "cust_id"),
    "time": ("ordered_at", "order_date", "ordered_on", "date", "order_time", "time", "timestamp", "datetime"),
    "amount": ("amount", "revenue", "value", "order_value", "total", "sales", "price"),
}
TIME = r"^(\d{8}|\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|z|[+-]\d{2}(:?\d{2})?))?)?)$"
ZONED = r":.*(Z|z|[+-]\d{2}(:?\d{2})?)$"
EXPECTED = "write it as 2026-01-31 or 2026-01-31T18:05:00+01:00, or name its form, as --date-format %d/%m/%Y"
FORMULA = r"^[=+\-@\t\r]"


@dataclass(frozen=True)
class OrderForm:
    """How a file is written. Columns None: the one with a known name; ``date_format``: strptime's, None for ISO 8601
    and 20260131; ``timezone``: where business days begin and end, for times that tell their zone."""

    customer: str | None = None
    time: str | None = None
    amount: str | None = None
    delimiter: str | None = None
    decimal: str = "."
    encoding: str = "utf-8"
    date_format: str | None = None
    timezone: str | None = None
    drop_repeats: bool = False


@dataclass(frozen=True)
class OrderDays:
    """``days``: customer_id, day (days since 1970-01-01), value and returned (0 or more), orders (0 where that day only
    saw a return), a row a customer and day in that order; ``inputs``: counts to tell; ``warnings``: what to know."""

    days: pd.DataFrame
    inputs: dict[str, Any]
    warnings: list[str]


def read_orders(path: Path, form: OrderForm | None = None) -> OrderDays:
    """The purchase days of a file of orders, gzip or not.

    Orders of one customer on one local day are one purchase. A negative amount is a return: it lowers the value of its
    customer and is no purchase. Raises :class:`FileError` with file, line, column, value and mend.
    """
    form = form or OrderForm()
    zone = _zone(form.timezone)
    file = read_table(path, form.encoding, form.delimiter)
    customer, time, amount = _places(file, form)
    warnings: list[str] = []
    file = _without_repeats(file, [customer, time, amount], form.drop_repeats, warnings)
    ids = file.columns[customer]
    file.refuse(_flags(pc.is_null(ids)), customer, "every order needs its customer; fill it in")
    amounts, empty = file.numbers(amount, form.decimal, signed=True)
    if empty:
        warnings.append(f"column {amount}: {empty:,} empty fields count as orders of 0")
    local = _local_days(file, time, form.date_format, zone, warnings)
    days = _by_day(ids, local, amounts)
    warnings += _notes(days, ids)
    inputs = {
        "file": str(path), "rows": len(file), "customers": int(days["customer_id"].nunique()),
        "purchase_days": int((days["orders"] > 0).sum()), "returns": int((amounts < 0).sum()),
        "value": float(days["value"].sum()), "returned": float(days["returned"].sum()),
        "first_day": _iso(int(local.min())), "last_day": _iso(int(local.max())),
    }  # fmt: skip
    return OrderDays(days, inputs, warnings)


def _places(file: TableFile, form: OrderForm) -> tuple[str, str, str]:
    names = list(file.columns)
    found = []
    for role, known in KNOWN_NAMES.items():
        place = find_column(names, getattr(form, role), f"{role}-column", known, file.path)
        if place is None:
            raise FileError(
                f"{file.path}, line 1: no column of the {role} ({', '.join(known)}); it has {', '.join(names)}: "
                f"name it with --{role}-column COLUMN"
            )
        found.append(place)
    return found[0], found[1], found[2]


def _without_repeats(file: TableFile, columns: list[str], drop: bool, warnings: list[str]) -> TableFile:
    """Rows equal in every column: a second order just like it, or the same one twice; the file cannot tell."""
    coded = {
        name: texts.dictionary_encode().indices.to_numpy(zero_copy_only=False) for name, texts in file.columns.items()
    }
    repeated = np.asarray(pd.DataFrame(coded).duplicated().to_numpy())
    if not repeated.any():
        return file
    line = file.lines[int(np.argmax(repeated))]
    what = "dropped" if drop else "kept; --drop-repeats counts each once"
    warnings.append(f"{int(repeated.sum()):,} rows repeat an earlier one wholly (line {line}): {what}")
    return file.take(~repeated) if drop else file


def _local_days(
    file: TableFile, column: str, date_format: str | None, zone: tzinfo | None, warnings: list[str]
) -> npt.NDArray[np.int64]:
    """Days since 1970-01-01 of each row, shape (R,), where the day of its order is reckoned.

    A time with a zone is moved to ``zone``, UTC without one; a time without is local already, so that no hour of a
    change of clocks is lost or doubled.
    """
    distinct = file.columns[column].dictionary_encode()
    texts = distinct.dictionary
    rows = pc.fill_null(distinct.indices, -1).to_numpy(zero_copy_only=False)
    file.refuse(rows < 0, column, EXPECTED)
    if date_format is None:
        read = _flags(pc.match_substring_regex(texts, TIME))
        zoned = _flags(pc.match_substring_regex(texts, ZONED))
        file.refuse(~read[rows], column, EXPECTED)
        known = _iso_times(texts, zoned)
    else:
        zoned = np.full(len(texts), "%z" in date_format)
        known = _written_times(texts, date_format, "%z" in date_format)
    expected = EXPECTED if date_format is None else f"--date-format {date_format} does not read it"
    file.refuse(np.isnat(known)[rows], column, f"no such day or time; {expected}")
    if zoned.any():
        if zone is None:
            warnings.append(f"column {column}: days are those of UTC; --timezone Europe/Paris makes them local")
        known[zoned] = _moved(known[zoned], zone)
    if zoned.any() and not zoned.all():
        line = file.lines[int(np.argmin(zoned[rows]))]
        warnings.append(
            f"column {column}: {int((~zoned[rows]).sum()):,} times tell no zone (line {line}): taken as local"
        )
    return np.asarray(known.astype("datetime64[D]").astype(np.int64)[rows])


def _iso_times(texts: pa.Array, zoned: Flags) -> npt.NDArray[np.datetime64]:
    """Times of texts, in UTC those that tell a zone; shape (texts,), not a time where there is no such day."""
    written = pd.Series(texts.to_pylist(), dtype=object)
    bare = written.str.fullmatch(r"\d{8}").to_numpy(dtype=bool)
    found = np.full(len(written), np.datetime64("NaT"), dtype="datetime64[us]")
    for part, form in ((bare, "%Y%m%d"), (~bare & ~zoned, "ISO8601"), (zoned, "ISO8601")):
        if part.any():
            times = pd.to_datetime(written[part], format=form, errors="coerce", utc=True)
            found[part] = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return found


def _written_times(texts: pa.Array, date_format: str, has_zone: bool) -> npt.NDArray[np.datetime64]:
    try:
        times = pd.to_datetime(
            pd.Series(texts.to_pylist(), dtype=object), format=date_format, errors="coerce", utc=has_zone
        )
    except ValueError as fault:
        raise FileError(f"--date-format {date_format}: {fault}; write it as %d/%m/%Y %H:%M") from fault
    if has_zone:
        times = times.dt.tz_localize(None)
    return np.asarray(times.to_numpy().astype("datetime64[us]"))


def _moved(times: npt.NDArray[np.datetime64], zone: tzinfo | None) -> npt.NDArray[np.datetime64]:
    """UTC as local time."""
    if zone is None:
        return times
    local = pd.Series(times).dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[us]"))


def _by_day(ids: pa.Array, local: npt.NDArray[np.int64], amounts: npt.NDArray[np.float64]) -> pd.DataFrame:
    rows = pa.table(
        {
            "customer_id": ids,
            "day": local,
            "value": np.maximum(amounts, 0.0),
            "returned": np.maximum(-amounts, 0.0),
            "orders": (amounts >= 0).astype(np.int64),
        }
    )
    summed = rows.group_by(["customer_id", "day"]).aggregate([("value", "sum"), ("returned", "sum"), ("orders", "max")])
    named = summed.select(["customer_id", "day", "value_sum", "returned_sum", "orders_max"])
    frame: pd.DataFrame = named.rename_columns(["customer_id", "day", "value", "returned", "orders"]).to_pandas()
    return frame.sort_values(["customer_id", "day"], ignore_index=True)


def _notes(days: pd.DataFrame, ids: pa.Array) -> list[str]:
    notes = []
    never = days.groupby("customer_id")["orders"].max().eq(0).sum()
    if never:
        notes.append(f"{int(never):,} customers have returns only and no order: they are not scored")
    strange = pc.unique(ids.filter(pc.match_substring_regex(ids, FORMULA)))
    if len(strange):
        notes.append(
            f"{len(strange):,} customer ids begin as a formula does, as {shown(strange[0].as_py())}: they are "
            "written as they are; import that column into a spreadsheet as text"
        )
    return notes


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise FileError(f"--timezone {name}: no such zone; write it as Europe/Paris") from fault


def _iso(day: int) -> str:
    return str(np.datetime64(day, "D"))


def _flags(mask: pa.Array) -> Flags:
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), dtype=bool)
