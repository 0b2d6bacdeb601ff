"""The YAMLs of the simulated tools read the files these tools write, and refuse the broken rows alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from millibar.simulation.market import TOOLS
from millibar.simulation.order_feeds import TILLS
from millibar.sources.checking import Checker
from millibar.sources.contracts import CHANNELS, FEEDS
from millibar.sources.definition import Source
from millibar.sources.locate import find_files
from millibar.sources.mapping import read_sources
from millibar.sources.reading import read_file

from .conftest import Written

SOURCES = {source.name: source for source in read_sources(Path(__file__).parents[3] / "config" / "sources")}


def test_each_tool_has_its_source_and_each_feed_a_tool() -> None:
    assert {tool.name: tool.feed for tool in TOOLS} == {name: source.feed.name for name, source in SOURCES.items()}
    assert {tool.feed for tool in TOOLS} == set(FEEDS) - {"subscriptions"}  # customers are under no contract


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_source_loads_its_files(source: Source, market: Written) -> None:
    files = find_files(source, market.landing, None)
    count = market.report.counts[source.name]
    rows = rejected = filtered = 0
    for file in files:
        checker = Checker(source, CHANNELS, file.delivered_on, file.label)
        of_file = refused = 0
        for block in read_file(source, file):
            checked = checker.check(block)
            of_file, refused = of_file + checked.read, refused + len(checked.rejected)
            rows, filtered = rows + checked.rows, filtered + checked.filtered
        rejected += refused
        assert refused <= source.max_rejected_share * of_file, f"{file.label} would fail the whole source"
    assert len(files) == count.files
    assert rows + rejected + filtered == count.rows
    if source.name != TILLS.name:  # a broken ticket without a card is filtered before it is checked
        assert rejected == count.broken
    assert rejected <= count.broken
