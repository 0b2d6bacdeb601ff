"""Great Expectations at work: one ephemeral context, the warehouse as its data source, a suite's outcomes."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from millibar.quality.suites import QUERY_TYPE, Gate, Rule

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.datasource.fluent.postgres_datasource import PostgresDatasource

SAMPLE_ROWS = 5
SHOWN_LENGTH = 60
# Read-only, so that no suite can change what it checks; UTC, so that a timestamp means the same everywhere.
SESSION_OPTIONS = "-c timezone=UTC -c default_transaction_read_only=on -c application_name=millibar-gate"

_PLAIN = re.compile(r"[\w:./\- >+=]*", re.ASCII)
_PHONE_LIKE = re.compile(r"(\+|00?)[\d ().-]{8,}")


@dataclass(frozen=True)
class Outcome:
    """What one rule of a gate found. ``unexpected_share`` is a share of the rows checked (0..1)."""

    rule: Rule
    success: bool
    observed: str | None = None
    unexpected_count: int | None = None
    unexpected_share: float | None = None
    sample: str | None = None


class SuiteValidator:
    """Holds suites against relations of one warehouse; open it with :meth:`open`, use it in one thread."""

    def __init__(self, context: AbstractDataContext, uri: str) -> None:
        self._context = context
        self._uri = sqlalchemy_uri(uri)
        self._sources: dict[str, PostgresDatasource] = {}
        self._opened = 0

    @classmethod
    @contextmanager
    def open(cls, uri: str) -> Iterator[SuiteValidator]:
        """Connect to the warehouse of that URI (TCP). Imports great_expectations, which takes seconds."""
        os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported: it would call its maker's server
        logging.getLogger("great_expectations").setLevel(logging.ERROR)  # its import alone logs hundreds of lines
        import great_expectations
        from great_expectations.data_context.types.base import ProgressBarsConfig

        logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.ERROR)  # sets its own level
        context = great_expectations.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        validator = cls(context, uri)
        try:
            yield validator
        finally:
            validator._close()

    def check(self, gate: Gate, relation: str, columns: Sequence[str], parameters: Mapping[str, Any]) -> list[Outcome]:
        """Hold the gate's suite against ``relation`` (a table or view ``schema.name`` that has ``columns``).

        ``parameters`` fill the suite's ``$PARAMETER`` values. One outcome a rule, in the suite's order. A rule that
        cannot be evaluated (a column is gone, its SQL fails) is a failure that says so.
        """
        schema, name = relation.split(".")
        self._opened += 1
        asset = self._source(schema).add_table_asset(f"{relation}#{self._opened}", table_name=name)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        outcomes = {rule.name: _lost_column(rule, columns) for rule in gate.rules}
        sound = [rule for rule in gate.rules if outcomes[rule.name] is None]
        for rule, result in zip(sound, self._results(batch, gate, sound, parameters), strict=True):
            outcomes[rule.name] = self._outcome(batch, gate, rule, result, parameters)
        return [outcome for outcome in outcomes.values() if outcome is not None]

    def _source(self, schema: str) -> PostgresDatasource:
        """A data source a schema: great_expectations wants the schema with the connection."""
        if schema not in self._sources:
            options = f"{SESSION_OPTIONS} -c search_path={schema}"
            sources: Any = self._context.data_sources  # its stub does not know `kwargs`
            self._sources[schema] = sources.add_postgres(
                schema, connection_string=self._uri, kwargs={"connect_args": {"options": options}}
            )
        return self._sources[schema]

    def _close(self) -> None:
        for source in self._sources.values():
            source.get_execution_engine().engine.dispose()
            source.get_engine().dispose()

    def _outcome(self, batch: Batch, gate: Gate, rule: Rule, result: Any, parameters: Mapping[str, Any]) -> Outcome:
        fault = _fault(result)
        if fault:
            return Outcome(rule, False, observed=f"could not be evaluated: {fault}")
        if result.success:
            whole = rule.configuration["kwargs"].get("mostly", 1) == 1
            return Outcome(rule, True, _observed(rule, result.result), unexpected_count=0 if whole else None)
        # only now fetch the offending rows: on sound data that query would read the whole table for nothing
        told: Any = "COMPLETE"
        if rule.type != QUERY_TYPE:
            told = {
                "result_format": "SUMMARY",
                "partial_unexpected_count": SAMPLE_ROWS,
                "unexpected_index_column_names": list(gate.key),
            }
        return _failure(rule, self._results(batch, gate, [rule], parameters, told)[0].result)

    def _results(
        self, batch: Batch, gate: Gate, rules: Sequence[Rule], parameters: Mapping[str, Any], told: Any = None
    ) -> list[Any]:
        """GX's results in the order of ``rules`` (GX groups them by column); ``told`` asks for the rows, too."""
        from great_expectations.core.expectation_suite import ExpectationSuite

        from millibar.quality import single_pass

        if not rules:
            return []
        expectations = [dict(rule.configuration) for rule in rules]
        if told is None:
            for expectation in expectations:
                if expectation["type"] == QUERY_TYPE:
                    expectation["type"] = single_pass.TYPE
        suite = ExpectationSuite(name=gate.suite, expectations=expectations)
        if len(suite.expectations) != len(rules):  # GX logs an expectation it cannot build and drops it
            raise ValueError(
                f"{gate.suite}: great_expectations takes {len(suite.expectations)} of its {len(rules)} expectations; "
                f"its log says why, mostly a wrong argument"
            )
        validated = batch.validate(suite, result_format=told or "BOOLEAN_ONLY", expectation_parameters=dict(parameters))
        results: list[Any] = list(validated.results)
        by_rule = {result.expectation_config.meta["rule"]: result for result in results}
        return [by_rule[rule.name] for rule in rules]


def sqlalchemy_uri(uri: str) -> str:
    """The warehouse's URI as SQLAlchemy and great_expectations take it.

    great_expectations would replace ``$name`` inside it by a variable of that name, and refuses a URI without a host.
    """
    parts = urlsplit(uri)
    if not parts.hostname:
        raise ValueError(
            "the quality gate needs a warehouse URI with a host (postgresql://user:password@host:port/database); "
            "it cannot use a socket folder"
        )
    return urlunsplit(parts._replace(scheme="postgresql+psycopg2")).replace("$", quote("$"))


def shown(value: object) -> str:
    """A value as a message may show it: what could be personal is replaced by a short digest."""
    if value is None or isinstance(value, bool | int | float | Decimal | date | datetime):
        return str(value)
    text = str(value)
    if "@" in text or len(text) > SHOWN_LENGTH or not _PLAIN.fullmatch(text) or _PHONE_LIKE.fullmatch(text):
        return f"hidden:{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return text


def _lost_column(rule: Rule, columns: Sequence[str]) -> Outcome | None:
    lost = sorted(set(rule.columns) - set(columns))
    if not lost:
        return None
    return Outcome(rule, False, observed=f"the table has no column {', '.join(lost)}")


def _fault(result: Any) -> str | None:
    """The first line of what went wrong when the rule could not be evaluated; ``None`` where it could."""
    told = result.exception_info or {}
    faults = [told] if "raised_exception" in told else list(told.values())
    for fault in faults:
        if fault and fault.get("raised_exception"):
            return str(fault.get("exception_message")).strip().splitlines()[0]
    return None


def _observed(rule: Rule, found: Mapping[str, Any]) -> str | None:
    value = found.get("observed_value")
    if value is None:
        return None
    return f"{value} rows" if rule.type == QUERY_TYPE else str(value)


def _failure(rule: Rule, found: Mapping[str, Any]) -> Outcome:
    if rule.type == QUERY_TYPE:
        rows = (found.get("details") or {}).get("unexpected_rows") or []
        return Outcome(
            rule, False, _observed(rule, found), int(found["observed_value"]), sample=_sample(rows[:SAMPLE_ROWS])
        )
    count, total = found.get("unexpected_count"), found.get("element_count")
    rows = (found.get("partial_unexpected_index_list") or [])[:SAMPLE_ROWS]
    share = count / total if count is not None and total else None
    observed = _observed(rule, found) or (f"{count} of {total} rows" if count is not None else None)
    return Outcome(rule, False, observed, count, share, _sample(rows))


def _sample(rows: Sequence[Mapping[str, Any]]) -> str | None:
    told = [", ".join(f"{name}={shown(value)}" for name, value in row.items()) for row in rows]
    return "; ".join(told) or None
