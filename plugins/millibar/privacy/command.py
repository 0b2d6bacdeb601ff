"""`millibar erase`: erase a person, see first what would go, list what was erased."""

from __future__ import annotations

import argparse
import getpass
import json
from typing import TYPE_CHECKING

from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

if TYPE_CHECKING:
    from millibar.privacy.erasure import Report


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("erase", help="erase a person everywhere, and keep the person out from then on")
    parser.add_argument("customer_id", nargs="?", metavar="CUSTOMER_ID", help="as in marts.dim_customer")
    parser.add_argument("--dry-run", action="store_true", help="count what would go, write nothing")
    parser.add_argument("--by", metavar="NAME", help="who erases; default: the user of this machine")
    parser.add_argument("--list", action="store_true", dest="list_all", help="the erasures so far")
    parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")
    parser.set_defaults(run=main)


def main(arguments: argparse.Namespace) -> int:
    """0 where it was done; a fault is raised and told by the caller."""
    from millibar.privacy.erasure import erase, preview  # pandas and scipy, which no other command should wait for

    settings = Settings.from_environment()
    with Warehouse.open(settings) as warehouse:
        if arguments.list_all:
            _print_list(warehouse, arguments.as_json)
            return 0
        if not arguments.customer_id:
            print("who? give a CUSTOMER_ID as in marts.dim_customer, or --list")
            return 2
        if arguments.dry_run:
            report = preview(warehouse, settings, arguments.customer_id)
        else:
            report = erase(warehouse, settings, arguments.customer_id, arguments.by or getpass.getuser())
    print(report.as_json() if arguments.as_json else _told(report))
    return 0


def _told(report: Report) -> str:
    head = "would be erased" if report.erasure_id is None else f"is erased (erasure {report.erasure_id})"
    lines = [f"customer {report.customer_id} {head}: {report.records} CRM records, {report.tombstones} tombstones"]
    for table, actions in sorted(report.rows.items()):
        lines.append(f"  {table:<50}" + ", ".join(f"{count:,} {action}" for action, count in actions.items()))
    if report.kept:
        lines.append("shared with others, so kept for them: " + ", ".join(" ".join(pair) for pair in report.kept))
    if report.erasure_id is not None:
        lines.append("The landing files are yours and stay as they are. The next run clusters again what is left.")
    return "\n".join(lines)


def _print_list(warehouse: Warehouse, as_json: bool) -> None:
    rows = warehouse.rows(
        """
        select e.erasure_id, e.erased_at, e.erased_by, e.rows_erased,
            (select count(*) from ops.erased_identifiers as t where t.erasure_id = e.erasure_id) as tombstones
        from ops.erasures as e order by e.erasure_id
        """
    )
    if as_json:
        print(json.dumps(rows, default=str, indent=2))
        return
    for row in rows:
        total = sum(sum(actions.values()) for actions in (row["rows_erased"] or {}).values())
        print(
            f"{row['erasure_id']:>6}  {row['erased_at']:%Y-%m-%d %H:%M} UTC  by {row['erased_by']}: "
            f"{total:,} rows, {row['tombstones']} tombstones"
        )
    if not rows:
        print("nobody was erased so far")
