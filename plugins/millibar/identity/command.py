"""`millibar identify` and `millibar explain`: customers of files of records, and why two are one or are not."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from millibar.identity.identify import Identified
    from millibar.identity.matching import MatchPlan
    from millibar.identity.matching.configuration import Configuration


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The two subcommands."""
    find = commands.add_parser("identify", help="find the customers in CSV files of records, without a warehouse")
    find.add_argument(
        "records", nargs="+", type=Path, metavar="RECORDS.csv", help="files of records, put below each other"
    )
    find.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="MAPPING.csv",
        help="where record_id, customer_id, confidence go",
    )
    find.add_argument("--json", type=Path, metavar="FILE", help="write the metrics there, too")
    find.add_argument(
        "--previous", type=Path, metavar="MAPPING.csv", help="an earlier mapping whose customer ids go on"
    )
    _shared_arguments(find)
    find.set_defaults(run=run_identify)
    why = commands.add_parser("explain", help="which evidence joined or separated two records, in words and weights")
    why.add_argument("record_a", metavar="RECORD_A", help="record_id of the file, or source:record_id of the warehouse")
    why.add_argument("record_b", metavar="RECORD_B")
    why.add_argument(
        "--file", nargs="+", type=Path, metavar="RECORDS.csv", help="files of records; without, the warehouse"
    )
    why.add_argument("--json", action="store_true", help="print JSON")
    _shared_arguments(why)
    why.set_defaults(run=run_explain)


def _shared_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config", type=Path, metavar="identity.yml", help="what the columns mean, thresholds, guards"
    )
    command.add_argument(
        "--truth", metavar="COLUMN", help="a column that knows the person: measured against, never used"
    )
    command.add_argument(
        "--decisions", type=Path, metavar="FILE", help="left_record, right_record, decision (same, different)"
    )
    command.add_argument(
        "--model", type=Path, metavar="FILE", help="a trained model: used where the file exists, else written there"
    )
    command.add_argument(
        "--encoding", default="utf-8-sig", help="of the files, where it is not UTF-8 (latin-1, cp1252)"
    )


def run_identify(arguments: argparse.Namespace) -> int:
    """Find the customers, write the mapping, print the metrics."""
    from millibar.identity.record_files import FileError

    if not arguments.output.parent.is_dir():
        raise FileError(f"{arguments.output}: there is no folder {arguments.output.parent}; make it first")
    frame, found = _identified(arguments)
    metrics = found.metrics
    if arguments.truth:
        metrics = metrics | {"quality": _quality(frame[arguments.truth], found.mapping["customer_id"])}
    found.mapping.to_csv(arguments.output, index=False, lineterminator="\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(metrics, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(metric_lines(metrics)))
    return 0


def run_explain(arguments: argparse.Namespace) -> int:
    """Explain a pair of records of files, or of the warehouse."""
    if arguments.file:
        told = _explained_file(arguments)
    else:
        from millibar.identity.warehouse_explanation import explain_from_warehouse
        from millibar.settings import Settings
        from millibar.warehouse.connect import Warehouse

        settings = Settings.from_environment()
        with Warehouse.open(settings) as warehouse:
            told = explain_from_warehouse(warehouse, settings, arguments.record_a, arguments.record_b)
    if arguments.json:
        print(json.dumps(told.to_dict(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(told.lines()))
    return 0


def metric_lines(metrics: dict[str, Any]) -> list[str]:
    """The metrics for a terminal, groups below each other."""
    lines = []
    for name, value in metrics.items():
        words = name.replace("_", " ")
        if isinstance(value, dict):
            lines.append(f"{words}:" + ("" if value else " none"))
            lines += [f"  {key:<40} {_number(told)}" for key, told in value.items()]
        elif isinstance(value, list):
            lines.append(f"{words:<42} {', '.join(map(str, value)) or 'none'}")
        else:
            lines.append(f"{words:<42} {_number(value)}")
    return lines


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def _identified(arguments: argparse.Namespace) -> tuple[pd.DataFrame, Identified]:
    from millibar.identity.identify import identify
    from millibar.identity.matching.configuration import Configuration
    from millibar.identity.record_files import named_records, read_decisions, read_mapping, read_records

    paths = arguments.file if "file" in arguments else arguments.records
    configuration = Configuration.read(arguments.config) if arguments.config else Configuration.of({})
    frame = read_records(paths, arguments.encoding)
    plan = _plan(frame, configuration, arguments.truth)
    frame = named_records(frame, plan.column("record_id"))
    decisions = read_decisions(arguments.decisions, frame["record_id"]) if arguments.decisions else None
    previous = read_mapping(arguments.previous) if getattr(arguments, "previous", None) else None
    model = None
    if arguments.model and arguments.model.exists():
        from millibar.identity.matching.model_files import load_model

        model = load_model(arguments.model)
        plan = replace(model.plan, notes=plan.notes)
    for note in plan.notes:
        print(note, file=sys.stderr)
    found = identify(frame, plan, configuration.rules(), configuration.cluster_rules(), decisions, previous, model)
    if arguments.model and model is None:
        from millibar.identity.matching.model_files import save_model

        save_model(found.model, arguments.model)
    return frame, found


def _plan(frame: pd.DataFrame, configuration: Configuration, truth: str | None) -> MatchPlan:
    from millibar.identity.matching import MatchPlan
    from millibar.identity.record_files import FileError

    columns = [column for column in frame.columns if not str(column).startswith("_")]
    if truth is not None and truth not in columns:
        raise FileError(f"--truth {truth}: the records have no such column; they have {', '.join(columns)}")
    kept = [column for column in columns if column != truth]
    return configuration.plan(MatchPlan.detect(frame[kept]), kept)


def _quality(truth: pd.Series, customers: pd.Series) -> dict[str, float]:
    from millibar.identity.quality import measure

    return {name: round(value, 4) for name, value in measure(truth, customers).items()}


def _explained_file(arguments: argparse.Namespace) -> Any:
    from millibar.identity.matching import explain
    from millibar.identity.record_files import read_decisions

    frame, found = _identified(arguments)
    decisions = read_decisions(arguments.decisions, frame["record_id"]) if arguments.decisions else None
    return explain(
        found.features,
        found.model,
        arguments.record_a,
        arguments.record_b,
        found.mapping["customer_id"],
        found.edges,
        found.refusals,
        decisions,
    )
