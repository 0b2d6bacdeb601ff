"""Least-privilege roles: the pipeline owns everything, a reader sees schema bi only."""

from __future__ import annotations

from psycopg2 import sql

from millibar.warehouse.connect import Warehouse

READER = "millibar_reader"


def grant_reader(warehouse: Warehouse, role: str = READER) -> bool:
    """Let ``role`` read schema bi, now and for tables to come, and nothing else; false where the role is missing."""
    if not warehouse.value("select 1 from pg_roles where rolname = %(role)s", {"role": role}):
        return False
    name = sql.Identifier(role)
    with warehouse.transaction():
        warehouse.execute(sql.SQL("grant usage on schema bi to {}").format(name))
        warehouse.execute(sql.SQL("grant select on all tables in schema bi to {}").format(name))
        warehouse.execute(sql.SQL("alter default privileges in schema bi grant select on tables to {}").format(name))
    return True
