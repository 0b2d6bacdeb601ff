"""Millibar: one customer view, attribution, pressure barometer and churn signals as warehouse tables."""

__version__ = "0.1.0"
