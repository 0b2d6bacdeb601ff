"""The signal matrix: eleven signs of over-solicitation, each with verdict, severity, cause sheet and action."""

from millibar.pressure.signals.calendar import CalendarError, load_calendar, no_calendar
from millibar.pressure.signals.inputs import CompanyInputs, SalesInputs, SignalInputs, SignalSheet
from millibar.pressure.signals.parameters import SeasonParameters, SignParameters
from millibar.pressure.signals.season import Season, fit_season, season_factors
from millibar.pressure.signals.sheet import DRIVER_COLUMNS, SIGNAL_COLUMNS, benjamini_hochberg, find_signals
from millibar.pressure.signals.shift import Shift, weigh_shift
from millibar.pressure.signals.signs import SIGNS, Sign

__all__ = [
    "DRIVER_COLUMNS",
    "SIGNAL_COLUMNS",
    "SIGNS",
    "CalendarError",
    "CompanyInputs",
    "SalesInputs",
    "Season",
    "SeasonParameters",
    "Shift",
    "Sign",
    "SignParameters",
    "SignalInputs",
    "SignalSheet",
    "benjamini_hochberg",
    "find_signals",
    "fit_season",
    "load_calendar",
    "no_calendar",
    "season_factors",
    "weigh_shift",
]
