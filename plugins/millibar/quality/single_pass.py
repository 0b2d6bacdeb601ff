"""The SQL expectation, asked once: great_expectations' own runs its query twice, for the rows and for their number."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation


class SinglePassRowsExpectation(UnexpectedRowsExpectation):
    """Green where the query finds no row; ``observed_value`` is the rows fetched, which are at most 200.

    Stands in for ``unexpected_rows_expectation`` while a gate looks for what is red. What is red is asked again with
    the original, which counts every row: so sound data, the usual case, costs one query a rule.
    """

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        rows = metrics["unexpected_rows_query.table"]
        return {"success": not rows, "result": {"observed_value": len(rows)}}


TYPE = "single_pass_rows_expectation"
