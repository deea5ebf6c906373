"""How good what a model makes is, in numbers."""

from .digits import DigitCheck, DigitReport, load, report

__all__ = ["DigitCheck", "DigitReport", "load", "report"]
