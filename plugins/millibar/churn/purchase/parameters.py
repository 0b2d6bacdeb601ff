"""Numbers of the purchase models an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PurchaseParameters:
    """When a fit can be believed, and what stands in for one that cannot.

    ``minimum_customers``, ``minimum_repeaters``: with fewer customers, or fewer of them who came back, a prior stands
    in for the fit: the published fits of CDNOW (Fader, Hardie and Lee 2005; Hoppe and Wagner 2007), a typical shop.
    ``unit_days``: days of the caller's unit of time, 1 or 7, as the prior must be told in that unit.
    ``first_pass_rows``: above so many distinct histories a sample of them finds the neighbourhood of the maximum; the
    maximum itself is always that of all customers.
    """

    minimum_customers: int = 100
    minimum_repeaters: int = 20
    unit_days: float = 1.0
    first_pass_rows: int = 20_000
