"""Predict the energy, time and carbon of a neural network before it runs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from predictor.answer import Estimate as Estimate
    from predictor.comparison import Comparison as Comparison
    from predictor.comparison import compare as compare
    from predictor.errors import PredictorError as PredictorError
    from predictor.estimation import estimate as estimate
    from predictor.levers import Change as Change
    from predictor.levers import Question as Question
    from predictor.many import Estimates as Estimates
    from predictor.many import estimate_many as estimate_many
    from predictor.savings import WhatIf as WhatIf
    from predictor.savings import what_if as what_if
    from predictor.workload import Workload as Workload

__version__ = "0.1.0"

_PUBLIC = {
    "estimate": "predictor.estimation",
    "estimate_many": "predictor.many",
    "Estimates": "predictor.many",
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

__all__ = [
    "Change",
    "Comparison",
    "Estimate",
    "Estimates",
    "PredictorError",
    "Question",
    "WhatIf",
    "Workload",
    "__version__",
    "compare",
    "estimate",
    "estimate_many",
    "what_if",
]


def __getattr__(name: str) -> Any:
    # Importing the package stays free of cost: names are looked up when first used.
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
