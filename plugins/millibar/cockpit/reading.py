"""Reading: what schema bi holds, in a handful of small queries, kept in memory between publications."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg2
import psycopg2.errors

from millibar.settings import Settings, SettingsError
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)

Row = dict[str, Any]

CHECK_SECONDS = 30.0  # a publication shows up after this long at most
RETRY_SECONDS = 5.0  # after a failure the warehouse is left alone for this long
WAIT_SECONDS = 3.0  # how long a request waits for another one that is reading
STATEMENT_TIMEOUT = "10s"
ALERTS_SHOWN = 50
CUSTOMERS_SHOWN = 10

PUBLICATION = """
    select table_name, as_of, run_id, rows, published_at
    from bi.publication
    order by published_at desc, table_name
"""

QUERIES = {
    "rpt_key_figures": """
        select records, customers, customers_known, touchpoints, revenue_30d, conversions_30d,
               customers_under, customers_balanced, customers_over, alerts, last_event_at, currency
        from bi.rpt_key_figures
        limit 1
    """,
    "rpt_channel_performance": """
        select model, model_label, is_default, channel, channel_label, conversions, conversions_low, conversions_high,
               revenue, revenue_low, revenue_high, revenue_share, cost, roas, cpa
        from bi.rpt_channel_performance
        order by model, conversions desc nulls last, channel
    """,
    "rpt_budget_plan": """
        select channel, channel_label, current_spend, recommended_spend, spend_change, spend_change_share,
               expected_revenue, expected_low, expected_high, expected_gain,
               marginal_return, marginal_return_low, marginal_return_high, is_limited, basis
        from bi.rpt_budget_plan
        order by channel
    """,
    "rpt_attribution_change": """
        select model_label, channel, channel_label, first_before, last_before, first_now, last_now,
               share_before, share_now, change, change_low, change_high, is_real, volume_effect, share_effect
        from bi.rpt_attribution_change
        where is_default
        order by channel
    """,
    "rpt_pressure_state": """
        select channel, channel_label, state, customers, share
        from bi.rpt_pressure_state
        order by channel, state
    """,
    "rpt_alert": """
        select sign, sign_label, channel, channel_label, segment, observed, expected, q_value, severity, severity_level,
               verdict, alert, incident, shifted_to, since, false_alarms_per_100_series_years, cause, action, owner,
               expires_on
        from bi.rpt_alert
        where verdict <> 'expected' or segment = 'all'
        order by alert desc, verdict = 'trend' desc, severity desc nulls last, q_value nulls last, sign, channel,
            segment
        limit %(alerts_shown)s
    """,
    "rpt_alert_driver": """
        select sign, channel, segment, rank, kind, driver, share
        from bi.rpt_alert_driver
        order by sign, channel, segment, rank
    """,
    "rpt_signal_matrix": """
        select sign, sign_label, channel, channel_label, verdict, effect, segments, segments_alerting
        from bi.rpt_signal_matrix
        order by sign, channel
    """,
    "rpt_churn_risk": """
        select risk_band, customers, share, value_at_risk, mean_p_active, action, owner
        from bi.rpt_churn_risk
        where segment = 'all'
        order by risk_band
    """,
    "rpt_churn_quality": """
        select as_of, model, horizon_days, observed_share, predicted_share, auc
        from bi.rpt_churn_quality
        where is_newest
        order by model
    """,
    "rpt_churn_customer": """
        select customer_id, risk_band, expected_loss, p_active, main_reason, second_reason, third_reason, action,
               channel, channel_label, next_moment_at
        from bi.rpt_churn_customer
        where risk_band in ('high', 'medium')
        order by expected_loss desc nulls last, customer_id
        limit %(customers_shown)s
    """,
    "rpt_channel_attrition": """
        select channel, channel_label, verdict, shifted_to, shifted_to_label, customers
        from bi.rpt_channel_attrition
        order by channel, verdict, shifted_to
    """,
    "rpt_best_moment": """
        select channel, channel_label, hour, sum(customers)::float8 as customers,
               sum(customers_stated)::float8 as customers_stated, sum(customers_learned)::float8 as customers_learned,
               sum(customers * expected_response) / sum(customers) as expected_response,
               sum(customers * usual_response) / sum(customers) as usual_response
        from bi.rpt_best_moment
        group by channel, channel_label, hour
        order by channel, hour
    """,
    "rpt_load_quality": """
        select source, feed, last_delivered_on, rows_read, rows_loaded, rows_duplicate, rows_rejected,
               rejected_share, batches_failed, top_reason
        from bi.rpt_load_quality
        order by source, feed
    """,
}


class FiguresUnavailableError(RuntimeError):
    """The figures cannot be read now; the message is for the person at the screen and holds no secret."""


@dataclass(frozen=True)
class Publication:
    """The newest publication: the day it is about, the run that made it, when, and how many rows it brought."""

    as_of: date
    run_id: str
    published_at: datetime
    rows: int


@dataclass(frozen=True)
class Snapshot:
    """All the cockpit shows of one publication: for each reporting table its rows, none where it is not published."""

    publication: Publication
    tables: dict[str, list[Row]]
    timezone_name: str

    def rows(self, table: str) -> list[Row]:
        return self.tables.get(table, [])


class PublishedFigures:
    """The newest publication, read with the reader's role and shared by all requests of this process.

    The warehouse is asked at most every ``CHECK_SECONDS`` whether there is a newer publication, and read again only
    when there is. After a failure it is left alone for ``RETRY_SECONDS``.
    """

    def __init__(
        self,
        find_settings: Callable[[], Settings] = Settings.from_environment,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find_settings = find_settings
        self._clock = clock
        self._reading = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._failure: FiguresUnavailableError | None = None
        self._next_check = float("-inf")

    def current(self) -> Snapshot | None:
        """The newest publication; ``None`` before the first.

        Raises :class:`FiguresUnavailableError` where it cannot be read.
        """
        if not self._reading.acquire(timeout=WAIT_SECONDS):
            if self._snapshot is None:
                raise FiguresUnavailableError("The warehouse is slow to answer. Try again in a moment.")
            return self._snapshot
        try:
            if self._clock() >= self._next_check:
                self._refresh()
            if self._failure is not None:
                raise FiguresUnavailableError(str(self._failure))
            return self._snapshot
        finally:
            self._reading.release()

    def _refresh(self) -> None:
        try:
            self._snapshot = _read(self._settings(), self._snapshot)
        except FiguresUnavailableError as fault:
            self._failure = fault
            self._next_check = self._clock() + RETRY_SECONDS
        else:
            self._failure = None
            self._next_check = self._clock() + CHECK_SECONDS

    def _settings(self) -> Settings:
        try:
            return self._find_settings()
        except (SettingsError, OSError) as fault:
            log.error("The cockpit cannot read its settings: %s", fault)
            raise FiguresUnavailableError(
                "Millibar's settings are wrong. The API server's log says which one."
            ) from fault


def _read(settings: Settings, known: Snapshot | None) -> Snapshot | None:
    """The newest publication; ``known`` itself where that is still the newest."""
    try:
        with Warehouse.open(settings, read_only=True) as warehouse, warehouse.transaction():
            # One view of the data for all queries: a publication between two of them is not seen.
            warehouse.execute("set transaction isolation level repeatable read")
            warehouse.execute(f"set local statement_timeout = '{STATEMENT_TIMEOUT}'")
            return _read_tables(warehouse, settings, known)
    except (psycopg2.errors.UndefinedColumn, psycopg2.errors.UndefinedTable) as fault:
        log.error("The published tables are not those the cockpit reads: %s", _without_secrets(fault, settings))
        raise FiguresUnavailableError(
            "The published tables are not those this version of the cockpit reads. "
            "Build the reporting tables and publish again."
        ) from fault
    except (psycopg2.Error, SettingsError) as fault:
        log.error("The cockpit cannot read the warehouse: %s", _without_secrets(fault, settings))
        raise FiguresUnavailableError(
            "The warehouse cannot be read at the moment. The API server's log says why; "
            "the figures come back by themselves once it answers."
        ) from fault


def _read_tables(warehouse: Warehouse, settings: Settings, known: Snapshot | None) -> Snapshot | None:
    if warehouse.value("select to_regclass('bi.publication')") is None:  # no schema yet: nothing was ever published
        return None
    published = warehouse.rows(PUBLICATION)
    if not published:
        return None
    newest = published[0]
    publication = Publication(
        as_of=newest["as_of"],
        run_id=newest["run_id"],
        published_at=newest["published_at"],
        rows=sum(row["rows"] for row in published),
    )
    if known is not None and known.publication == publication:
        return known
    present = {row["table_name"] for row in published}
    limits = {"alerts_shown": ALERTS_SHOWN, "customers_shown": CUSTOMERS_SHOWN}
    tables = {table: warehouse.rows(query, limits) for table, query in QUERIES.items() if table in present}
    return Snapshot(publication, tables, settings.timezone_name)


def _without_secrets(fault: Exception, settings: Settings) -> str:
    """A driver's message, which may repeat the address it was given, without address and password."""
    text = f"{type(fault).__name__}: {fault}".strip()
    for uri in (settings.reader_uri, settings.warehouse_uri):
        password = _password(uri)
        for secret in (uri, password, unquote(password)):
            if secret:
                text = text.replace(secret, "***")
    return text


def _password(uri: str) -> str:
    try:
        return urlsplit(uri).password or ""
    except ValueError:  # no address at all: the driver's message repeats it whole
        return ""
