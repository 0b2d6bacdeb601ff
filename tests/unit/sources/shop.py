"""A small shop: one touchpoint source, files made of lines, and what became of them after a load."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from millibar.settings import Settings
from millibar.sources.contracts import CHANNELS
from millibar.sources.definition import Source
from millibar.sources.load import LoadReport, load_source
from millibar.sources.mapping import read_source
from millibar.warehouse.connect import Warehouse

DAY = date(2025, 3, 1)
HEADER = "id,at,channel,event,cost,email"
TOUCHPOINTS = """
source: newsletter
feed: touchpoints
location: {path: "{date}/news*.csv*"}
format: csv
columns:
  touchpoint_id: id
  occurred_at: {from: at, timezone: Europe/Paris}
  channel: channel
  event_type: event
  cost: cost
  email: email
limits: {max_rejected_share: 0.9}
"""


def row(number: int, at: str = "2025-02-28 10:00:00", cost: str = "1.5", email: str = "a@example.org") -> str:
    return f"t{number},{at},email,open,{cost},{email}"


def lines(*rows: str) -> bytes:
    return ("\n".join((HEADER, *rows)) + "\n").encode()


def make_source(folder: Path, text: str = TOUCHPOINTS) -> Source:
    folder.mkdir(exist_ok=True)
    name = text.split("source:", 1)[1].split()[0]
    path = folder / f"{name}.yml"
    path.write_text(text)
    return read_source(path)


@dataclass
class Shop:
    """Deliver files and load them."""

    warehouse: Warehouse
    settings: Settings
    source: Source

    def deliver(self, contents: bytes, name: str = "news.csv", day: date = DAY) -> Path:
        path = self.settings.landing / day.isoformat() / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(contents)
        return path

    def load(self, as_of: date = DAY, channels: Any = CHANNELS) -> LoadReport:
        return load_source(self.warehouse, self.settings, self.source, "run", as_of, channels)

    def use(self, text: str) -> Shop:
        return replace(self, source=make_source(self.settings.sources, text))

    def raw(self, columns: str = "touchpoint_id, cost", feed: str = "touchpoints") -> list[tuple[Any, ...]]:
        found = self.warehouse.rows(f"select {columns} from raw.{feed} order by 1")
        return [tuple(entry.values()) for entry in found]

    def rejected(self) -> list[dict[str, Any]]:
        return self.warehouse.rows("select * from pii.rejected_rows order by file, line")

    def batches(self) -> list[dict[str, Any]]:
        return self.warehouse.rows("select * from ops.load_batches order by batch_id")
