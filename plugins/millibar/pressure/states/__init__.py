"""Under, balanced or over: the state of every customer and channel, with what follows from it."""

from millibar.pressure.states.judge import StateParameters, judge_states

__all__ = ["StateParameters", "judge_states"]
