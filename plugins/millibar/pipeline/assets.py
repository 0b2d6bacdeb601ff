"""The assets that connect the DAGs; their partition key is the business date (as_of)."""

from __future__ import annotations

from airflow.sdk import Asset

RAW = Asset(name="millibar_raw", uri="millibar://warehouse/raw")
BI = Asset(name="millibar_bi", uri="millibar://warehouse/bi")
