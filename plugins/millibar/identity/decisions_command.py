"""`millibar identity`: an analyst's word on pairs of records (decide, undecide, decisions, review), and rebuild."""

from __future__ import annotations

import argparse
import getpass
import json
from pathlib import Path

from millibar.identity.decisions import (
    DecisionError,
    decide,
    decision_of,
    kept_decisions,
    read_decisions,
    undecide,
    waiting_pairs,
)
from millibar.identity.rules import CANNOT_LINK
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

DEFAULT_LIMIT = 20


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    identity = commands.add_parser("identity", help="pairs of records that wait for a word, and the words given")
    add_actions(identity.add_subparsers(dest="action", required=True, metavar="ACTION"))


def add_actions(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add to the actions of `millibar identity`."""
    one = actions.add_parser("decide", help="two records are one person, or two; stands above every score and guard")
    one.add_argument("records", nargs="*", metavar="RECORD_A RECORD_B same|different", help="source:record_id")
    one.add_argument("--by", metavar="NAME", help="who decides; default: the user of this machine")
    one.add_argument("--note", metavar="TEXT", help="why")
    one.add_argument(
        "--file", type=Path, metavar="CSV", help="columns left_record,right_record,decision,decided_by,note"
    )
    one.set_defaults(run=run_decide)
    back = actions.add_parser("undecide", help="take the decision on two records back")
    back.add_argument("left", metavar="RECORD_A")
    back.add_argument("right", metavar="RECORD_B")
    back.set_defaults(run=run_undecide)
    listed = actions.add_parser("decisions", help="the decisions so far, the newest first")
    listed.add_argument("--json", action="store_true", dest="as_json")
    listed.set_defaults(run=run_decisions)
    review = actions.add_parser("review", help="pairs near the threshold that wait for a decision, values masked")
    review.add_argument("--limit", type=int, default=DEFAULT_LIMIT, metavar="N")
    review.add_argument("--json", action="store_true", dest="as_json")
    review.set_defaults(run=run_review)
    rebuild = actions.add_parser("rebuild", help="the next run reads and clusters everything again; ids are kept")
    rebuild.add_argument("--retrain", action="store_true", help="and trains the matching model again")
    rebuild.set_defaults(run=run_rebuild)


def run_decide(arguments: argparse.Namespace) -> int:
    by = arguments.by or getpass.getuser()
    if arguments.file and not arguments.records:
        decisions = read_decisions(arguments.file, by)
    elif len(arguments.records) == 3 and not arguments.file:
        one, other, word = arguments.records
        decisions = [decision_of(one, other, word, by, arguments.note)]
    else:
        raise DecisionError("give RECORD_A RECORD_B same|different, or --file CSV")
    with Warehouse.open(Settings.from_environment()) as warehouse:
        changed = decide(warehouse, decisions)
    print(f"{len(decisions)} decisions, {changed} new or changed; the next run applies them")
    return 0


def run_undecide(arguments: argparse.Namespace) -> int:
    with Warehouse.open(Settings.from_environment()) as warehouse:
        gone = undecide(warehouse, arguments.left, arguments.right)
    print(
        "taken back; the next run clusters both records again" if gone else "there is no decision on these two records"
    )
    return 0 if gone else 1


def run_decisions(arguments: argparse.Namespace) -> int:
    with Warehouse.open(Settings.from_environment()) as warehouse:
        rows = kept_decisions(warehouse)
    if arguments.as_json:
        print(json.dumps(rows, default=str, indent=2))
        return 0
    for row in rows:
        word = "different" if row["decision"] == CANNOT_LINK else "same"
        note = f"  {row['note']}" if row["note"] else ""
        print(
            f"{row['decided_at']:%Y-%m-%d %H:%M}  {row['left_record']}  {word}  {row['right_record']}  "
            f"by {row['decided_by']}{note}"
        )
    if not rows:
        print("no decisions so far")
    return 0


def run_review(arguments: argparse.Namespace) -> int:
    with Warehouse.open(Settings.from_environment()) as warehouse:
        rows = waiting_pairs(warehouse, max(arguments.limit, 0))
    if arguments.as_json:
        print(json.dumps(rows, default=str, indent=2))
        return 0
    for row in rows:
        joined = "joined" if row["left_customer_id"] == row["right_customer_id"] else "apart"
        print(f"{row['left_record']}  {row['right_record']}  p={row['probability']:.2f}  {joined}: {row['reason']}")
        for name, values in row["fields"].items():
            shown = f"= {values[0]}" if len(values) == 1 else " | ".join(value or "-" for value in values)
            print(f"    {name:<14}{shown}")
    print(f"{len(rows)} pairs; `millibar identity decide RECORD_A RECORD_B same|different` settles one")
    return 0


def run_rebuild(arguments: argparse.Namespace) -> int:
    from millibar.pipeline.context import require_idle
    from millibar.pipeline.stages.identity import forget  # the engine takes seconds to import

    with Warehouse.open(Settings.from_environment()) as warehouse, warehouse.transaction():
        require_idle(warehouse)
        forget(warehouse, retrain=arguments.retrain)
    print("the next run clusters everything again" + (", with a new model" if arguments.retrain else ""))
    return 0
