"""Stage churn: risk of every buyer, contracts, channel attrition and best moments -> scores.churn_* and beside."""

from __future__ import annotations

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.churn import attrition, contracts, moments, risk
from millibar.pipeline.stages.scores import refresh_statistics
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

# a row a customer; the marts after the stage join them
LARGE_TABLES = (
    "scores.churn_customer", "scores.contract", "scores.channel_attrition", "scores.moment_channel",
    "scores.moment_customer",
)  # fmt: skip


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Everything of the stage at as_of; returns rows written."""
    written = risk.score(warehouse, settings, run)
    written += contracts.run(warehouse, settings, run)
    written += attrition.run(warehouse, settings, run)
    written += moments.run(warehouse, settings, run)
    refresh_statistics(warehouse, LARGE_TABLES)
    return written
