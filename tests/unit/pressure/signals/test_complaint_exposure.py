"""What complaints are held against: the day, and the contacts of the day where they bring complaints."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.pressure.signals.series import exposure_of, lay_out
from millibar.pressure.signals.signs import SIGN_OF

DAYS = 200
LAST = pd.Timestamp("2025-06-30")
CONTACTS = np.where(np.arange(DAYS) % 5 == 0, 5_000, 500)


def exposure(complaints: np.ndarray, contacts: np.ndarray) -> np.ndarray:
    days = pd.date_range(end=LAST, periods=DAYS)
    rows = pd.DataFrame(
        {"day": days, "channel": "email", "segment": "all", "contacts": contacts, "complaints": complaints}
    )
    found = exposure_of(SIGN_OF["complaint_wave"], lay_out(rows, LAST, DAYS))
    assert found is not None
    return found[0]


def test_complaints_about_mails_are_held_against_the_mails() -> None:
    found = exposure(np.random.default_rng(1).poisson(CONTACTS / 500), CONTACTS)
    assert found.mean() == pytest.approx(1.0)
    assert found[CONTACTS == 5_000].mean() > 5 * found[CONTACTS == 500].mean()
    assert (found > 0).all()


def test_complaints_about_anything_else_are_held_against_the_day() -> None:
    found = exposure(np.random.default_rng(2).poisson(3.0, DAYS), CONTACTS)
    assert np.ptp(found) <= 0.25 * np.ptp(CONTACTS) / CONTACTS.mean() + 1e-9


def test_without_contacts_or_complaints_every_day_is_one() -> None:
    assert (exposure(np.random.default_rng(3).poisson(3.0, DAYS), np.zeros(DAYS)) == 1).all()
    assert (exposure(np.zeros(DAYS), CONTACTS) == 1).all()
