"""The budget plan: same total, bounds, equal marginal returns, no move without a reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.causes.budget import expected_revenue, plan_budget
from millibar.attribution.causes.response import Response


def bent(spend: float, ceiling: float, half: float) -> Response:
    return Response("saturating", spend, np.full(20, ceiling), np.full(20, half), 90, "")


def line(spend: float, slope: float) -> Response:
    return Response("linear", spend, np.full(20, slope), np.full(20, np.inf), 90, "")


curves = st.lists(st.tuples(st.floats(1, 1e4), st.floats(0.01, 1e3), st.floats(1, 1e5)), min_size=1, max_size=8)


@given(curves, st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_the_total_and_the_bounds_hold(drawn: list[tuple[float, float, float]], step: float) -> None:
    responses = {f"c{place}": bent(*values) for place, values in enumerate(drawn)}
    plan = plan_budget(responses, dict.fromkeys(responses, 10.0), step)
    assert plan.recommended.sum() == pytest.approx(plan.current.sum())
    assert (plan.recommended >= plan.current * (1 - step) * (1 - 1e-9)).all()
    assert (plan.recommended <= plan.current * (1 + step) * (1 + 1e-9)).all()
    revenue = [
        sum(
            expected_revenue(responses[name], 10.0, float(spend), 90).mean()
            for name, spend in zip(plan.channels, spends, strict=True)
        )
        for spends in (plan.current, plan.recommended)
    ]
    assert revenue[1] >= revenue[0] * (1 - 1e-6)


def test_inside_the_bounds_marginal_returns_are_equal() -> None:
    responses = {"a": bent(100, 50, 80), "b": bent(100, 60, 120), "c": bent(100, 55, 100)}
    plan = plan_budget(responses, dict.fromkeys(responses, 10.0), 0.9)
    returns = [
        responses[name].marginal(float(spend)).mean()
        for name, spend in zip(plan.channels, plan.recommended, strict=True)
    ]
    assert not plan.is_limited.any()
    assert returns == pytest.approx([returns[0]] * 3, rel=2e-3)


def test_equal_lines_stay_where_they_are() -> None:
    plan = plan_budget({"a": line(70, 2.0), "b": line(30, 2.0)}, {"a": 5.0, "b": 5.0}, 0.3)
    assert plan.recommended == pytest.approx([70, 30], rel=1e-6)
    assert not plan.is_limited.any()


def test_money_goes_where_it_brings_more() -> None:
    plan = plan_budget({"a": line(50, 2.0), "b": line(50, 2.2)}, {"a": 5.0, "b": 5.0}, 0.3)
    assert plan.recommended == pytest.approx([35, 65])
    assert plan.is_limited.all()
    # the value of a conversion counts as much as their number
    plan = plan_budget({"a": line(50, 2.0), "b": line(50, 2.2)}, {"a": 6.0, "b": 5.0}, 0.3)
    assert plan.recommended == pytest.approx([65, 35])


def test_channels_of_no_effect_do_not_break_the_plan() -> None:
    plan = plan_budget({"a": line(50, 0.0), "b": line(50, 0.0)}, {"a": 5.0, "b": 5.0}, 0.3)
    assert plan.recommended == pytest.approx([50, 50])
    plan = plan_budget({"a": line(50, 0.0), "b": bent(50, 10, 10)}, {"a": 5.0, "b": 5.0}, 0.3)
    assert plan.recommended == pytest.approx([35, 65])


def test_one_channel_and_none() -> None:
    assert plan_budget({"a": bent(50, 10, 10)}, {"a": 1.0}).recommended == pytest.approx([50])
    assert plan_budget({"a": line(0.0, 1.0)}, {"a": 1.0}).channels == ()


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"step_share is 1.5"):
        plan_budget({}, {}, 1.5)
