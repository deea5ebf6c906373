"""How good what a model makes is, in numbers.

    mnist             every metric of 10,000 drawn digits at once; `python -m minigen.metrics mnist SAMPLES.npz`
    digits            a quick look: are these digits at all, and does every class occur?
    frechet, neighbours, scores, accuracy_score         the metrics, one idea each
    judge, random_network                               in whose features they are measured
    text              what tells written text that is good from text that is copied
"""

from .digits import DigitCheck, DigitReport, load, report
from .frechet import frechet_distance
from .neighbours import filling, nearest

__all__ = ["DigitCheck", "DigitReport", "filling", "frechet_distance", "load", "nearest", "report"]
