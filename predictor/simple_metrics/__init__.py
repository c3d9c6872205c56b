"""Where simple metrics fail, and where the model does."""

from predictor.simple_metrics.catalogue import SIMPLE_METRICS, SimpleMetric
from predictor.simple_metrics.judging import judge_metrics
from predictor.simple_metrics.study import (
    MetricResult,
    MetricStudy,
    PairSide,
    WrongPair,
)

__all__ = [
    "SIMPLE_METRICS",
    "MetricResult",
    "MetricStudy",
    "PairSide",
    "SimpleMetric",
    "WrongPair",
    "judge_metrics",
]
