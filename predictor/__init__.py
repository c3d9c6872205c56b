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
    from predictor.levers import Change as Change
    from predictor.levers import Question as Question
    from predictor.lifecycle.assessment import assess_lifecycle as assess_lifecycle
    from predictor.lifecycle.result import Assessment as Assessment
    from predictor.many import Estimates as Estimates
    from predictor.many import estimate_many as estimate_many
    from predictor.savings import WhatIf as WhatIf
    from predictor.savings import what_if as what_if
    from predictor.workload import Workload as Workload

__version__ = "0.1.0"

_PUBLIC = {
    "estimate": "predictor.estimation",
    "estimate_many": "predictor.many",
    "forecast": "predictor.forecasting",
    "Budgets": "predictor.budgets",
    "Estimates": "predictor.many",
    "assess_lifecycle": "predictor.lifecycle.assessment",
    "Assessment": "predictor.lifecycle.result",
    "compare": "predictor.comparison",
    "Comparison": "predictor.comparison",
    "Estimate": "predictor.answer",
    "Change": "predictor.levers",
    "Question": "predictor.levers",
    "what_if": "predictor.savings",
    "WhatIf": "predictor.savings",
    "Workload": "predictor.workload",
    "PredictorError": "predictor.errors",
}

_MODULES = ("callbacks",)

__all__ = [
    "Assessment",
    "Budgets",
    "Change",
    "Comparison",
    "Estimate",
    "Estimates",
    "PredictorError",
    "Question",
    "WhatIf",
    "Workload",
    "__version__",
    "assess_lifecycle",
    "callbacks",
    "compare",
    "estimate",
    "estimate_many",
    "forecast",
    "what_if",
]


def __getattr__(name: str) -> Any:
    # Importing the package stays free of cost: names are looked up when first used.
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    if name in _MODULES:
        return import_module(f"predictor.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
