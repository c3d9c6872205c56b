"""Forecasts inside training scripts: before, during, and against what it really took.

Nothing in here may stop a training, and no framework is imported.
"""

from predictor.forecasting.following import Following
from predictor.forecasting.loop import ForecastLoop, forecast
from predictor.forecasting.options import Options

__all__ = ["Following", "ForecastLoop", "Options", "forecast"]
