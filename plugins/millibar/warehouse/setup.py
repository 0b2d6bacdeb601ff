"""Make a warehouse ready: schemas and tables, and the reader's right to schema bi. May run any number of times."""

from __future__ import annotations

import logging
from urllib.parse import unquote, urlsplit

from millibar.settings import Settings
from millibar.warehouse import roles, schema
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)


def prepare(settings: Settings) -> None:
    """Create what is missing. The reader's role is not made here: where it is missing, the log says how to make it."""
    with Warehouse.open(settings) as warehouse:
        schema.create(warehouse)
        if not settings.reader_uri:
            return
        role = unquote(urlsplit(settings.reader_uri).username or "") or roles.READER
        if not roles.grant_reader(warehouse, role):
            log.warning(
                "the reader's role %s does not exist: BI tools and the cockpit cannot use MILLIBAR_READER_URI. "
                "Let an administrator run: create role %s login password '...'; grant connect on database %s to %s",
                role, role, urlsplit(settings.warehouse_uri).path.lstrip("/"), role,
            )  # fmt: skip
