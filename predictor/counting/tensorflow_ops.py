"""Counting rules of TensorFlow's functions, which Keras 2 wrote down as layers."""

from __future__ import annotations

from dataclasses import replace

from predictor.counting import functional_ops
from predictor.counting.rule import Call, Counted, Rule
from predictor.counting.settings import Settings
from predictor.errors import UnsupportedLayerError

_KERAS_NAMES = {
    "abs": "Absolute",
    "add": "Add",
    "divide": "Divide",
    "elu": "Elu",
    "exp": "Exp",
    "gelu": "Gelu",
    "leaky_relu": "LeakyRelu",
    "log": "Log",
    "log_softmax": "LogSoftmax",
    "maximum": "Maximum",
    "minimum": "Minimum",
    "multiply": "Multiply",
    "negative": "Negative",
    "pow": "Power",
    "reduce_max": "Max",
    "reduce_mean": "Mean",
    "reduce_min": "Min",
    "reduce_prod": "Prod",
    "reduce_sum": "Sum",
    "relu": "Relu",
    "relu6": "Relu6",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "silu": "Silu",
    "softmax": "Softmax",
    "softplus": "Softplus",
    "sqrt": "Sqrt",
    "square": "Square",
    "subtract": "Subtract",
    "swish": "Silu",
    "tanh": "Tanh",
    "truediv": "TrueDivide",
}
"""Name of the same operation in `keras.ops`, by the last part of TensorFlow's."""


def _function(call: Call) -> Counted:
    function = call.settings.text("function", "")
    name = _KERAS_NAMES.get(function.rpartition(".")[2].strip("_"))
    rule = functional_ops.RULES.get(f"ops.{name}")
    if rule is None:
        known = [f"tf.{one}" for one in _KERAS_NAMES]
        raise UnsupportedLayerError(f"tf.{function:.60}", call.settings.layer, known)
    given = {
        key: value
        for key, value in call.arguments.items()
        if value is not None and key != "name"
    }
    # What Keras 3 keeps in an operation's configuration was an argument before.
    settings = Settings(call.settings.layer, {**call.settings.values, **given})
    operands = {
        key: value for key, value in given.items() if key not in ("axis", "keepdims")
    }
    return rule(replace(call, settings=settings, arguments=operands))


RULES: dict[str, Rule] = {"TFOpLambda": _function}
