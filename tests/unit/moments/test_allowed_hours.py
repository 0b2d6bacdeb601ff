"""Hours outside quiet times: over midnight, without quiet time, and on the weekdays a channel works."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.moments import allowed_by_channel, allowed_hours


@pytest.mark.parametrize(
    ("quiet_from", "quiet_to", "hours"),
    [(22, 7, range(7, 22)), (0, 0, range(24)), (0, 9, range(9, 24)), (20, 0, range(20)), (13, 14, [*range(13), *range(14, 24)])],
)  # fmt: skip
def test_quiet_times_are_left_out(quiet_from: int, quiet_to: int, hours: range) -> None:
    allowed = allowed_hours(quiet_from, quiet_to, 6)
    assert allowed.shape == (7, 24)
    assert all(np.flatnonzero(day).tolist() == list(hours) for day in allowed)


def test_days_after_the_last_weekday_are_quiet() -> None:
    allowed = allowed_hours(20, 10, 4)
    assert allowed[:5].any(axis=1).all()
    assert not allowed[5:].any()


def test_every_channel_has_its_own() -> None:
    channels = pd.DataFrame(
        {"channel": ["email", "sms"], "quiet_from_hour": [22, 20], "quiet_to_hour": [7, 9], "last_weekday": [6, 5]}
    )
    allowed = allowed_by_channel(channels)
    assert (allowed["email"].sum(), allowed["sms"].sum()) == (7 * 15, 6 * 11)
