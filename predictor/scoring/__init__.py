"""Forecasts held against what was measured afterwards."""

from predictor.scoring.codecarbon_csv import CodeCarbonRun, read_emissions
from predictor.scoring.estimates import SavedEstimate, read_estimate
from predictor.scoring.judging import Score, judge_runs
from predictor.scoring.matching import Gathered, gather
from predictor.scoring.records import Records, read_records
from predictor.scoring.runs import Forecasted, Run

__all__ = [
    "CodeCarbonRun",
    "Forecasted",
    "Gathered",
    "Records",
    "Run",
    "SavedEstimate",
    "Score",
    "gather",
    "judge_runs",
    "read_emissions",
    "read_estimate",
    "read_records",
]
