"""Predict the energy, time and carbon of a neural network before it runs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from predictor import callbacks as callbacks
    from predictor.answer import Estimate as Estimate
    from predictor.budgets import Budgets as Budgets
    from predictor.comparison import Comparison as Comparison
    from predictor.comparison import compare as compare
    from predictor.errors import PredictorError as PredictorError
    from predictor.estimation import estimate as estimate
    from predictor.forecasting import forecast as forecast
    from predictor.many import Estimates as Estimates
    from predictor.many import estimate_many as estimate_many
    from predictor.workload import Workload as Workload

__version__ = "0.1.0"

_PUBLIC = {
    "estimate": "predictor.estimation",
    "estimate_many": "predictor.many",
    "forecast": "predictor.forecasting",
    "Budgets": "predictor.budgets",
    "Estimates": "predictor.many",
    "compare": "predictor.comparison",
    "Comparison": "predictor.comparison",
    "Estimate": "predictor.answer",
    "Workload": "predictor.workload",
    "PredictorError": "predictor.errors",
}

_MODULES = ("callbacks",)

__all__ = [
    "Budgets",
    "Comparison",
    "Estimate",
    "Estimates",
    "PredictorError",
    "Workload",
    "__version__",
    "callbacks",
    "compare",
    "estimate",
    "estimate_many",
    "forecast",
]


def __getattr__(name: str) -> Any:
    # Importing the package stays free of cost: names are looked up when first used.
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return import_module(f"predictor.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
