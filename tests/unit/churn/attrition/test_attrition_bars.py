"""The bars of channel attrition on a small played market: departures are seen, those who stay are left in peace."""

from __future__ import annotations

from millibar.churn.attrition.bars import AttritionBars, lines, measure_attrition


def test_a_played_market_is_scored() -> None:
    bars = measure_attrition(1, 2_000)
    assert bars.departed > 20
    assert bars.gone_recall > 0.3
    assert bars.gone_precision > 0.6
    assert bars.false_gone < 0.05
    # who moved to another channel is not reported as lost
    assert bars.shifted_gone < bars.gone_recall / 2


def test_the_report_has_a_row_a_figure_and_leaves_out_what_was_not_measured() -> None:
    half, empty = AttritionBars(1, 5, 5, 5, *[0.5] * 12), AttritionBars(2, 0, 0, 0, *[float("nan")] * 12)
    told = {line.split()[0]: line.split()[1:] for line in list(lines([half, empty]))[1:]}
    assert len(told) == 15
    assert told["gone_recall"] == ["0.500", "nan", "0.500"]
