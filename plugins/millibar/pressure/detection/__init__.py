"""Detection: whether a daily series has changed for the worse, by a pattern and not by a day."""

from millibar.pressure.detection.detectors import Detection, detect
from millibar.pressure.detection.parameters import DetectionParameters
from millibar.pressure.detection.thresholds import Thresholds, ThresholdsError, load_thresholds

__all__ = ["Detection", "DetectionParameters", "Thresholds", "ThresholdsError", "detect", "load_thresholds"]
