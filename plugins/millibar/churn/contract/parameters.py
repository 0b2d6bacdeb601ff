"""Numbers of the renewal model an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ContractParameters:
    """``minimum_subscriptions``, ``minimum_ended``: with fewer, one share of renewals stands for everybody.

    ``terms_ahead``: expected terms and value are of so many renewals: without an end they would be infinite wherever
    some customers hardly ever leave.
    """

    minimum_subscriptions: int = 50
    minimum_ended: int = 10
    terms_ahead: int = 12
