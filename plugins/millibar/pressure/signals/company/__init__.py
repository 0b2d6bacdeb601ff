"""Signs from the company itself: whom it writes to, what it says, who steps on whose toes, who leaves."""

from __future__ import annotations

import pandas as pd

from millibar.pressure.signals.company.content import generic_content
from millibar.pressure.signals.company.coordination import uncoordinated_plan
from millibar.pressure.signals.company.targeting import mass_sending
from millibar.pressure.signals.company.themes import theme_drift
from millibar.pressure.signals.company.trend import Finding
from millibar.pressure.signals.company.turnover import team_turnover
from millibar.pressure.signals.inputs import SignalInputs
from millibar.pressure.signals.parameters import SignParameters


def company_findings(inputs: SignalInputs, last_day: pd.Timestamp, parameters: SignParameters) -> list[Finding]:
    """All findings of the four signs; one that lacks its feed finds nothing."""
    company = inputs.company
    return [
        *mass_sending(company.plan, inputs.health, last_day, parameters),
        *generic_content(company.plan, parameters),
        *theme_drift(company.plan, company.themes, last_day, parameters),
        *uncoordinated_plan(company.encounters, last_day, parameters),
        *team_turnover(company.staffing, company.plan, last_day, parameters),
    ]
