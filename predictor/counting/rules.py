"""The counting rule of each layer kind."""

from collections.abc import Mapping

from predictor.counting import (
    attention,
    convolution,
    dense,
    elementwise,
    experts,
    functional_ops,
    functional_shaping,
    normalisation,
    pooling,
    preprocessing,
    recurrent,
    shaping,
    tensorflow_ops,
    wrappers,
)
from predictor.counting.rule import Rule

_TABLES: tuple[Mapping[str, Rule], ...] = (
    attention.RULES,
    convolution.RULES,
    dense.RULES,
    elementwise.RULES,
    experts.RULES,
    functional_ops.RULES,
    functional_shaping.RULES,
    normalisation.RULES,
    pooling.RULES,
    preprocessing.RULES,
    recurrent.RULES,
    shaping.RULES,
    tensorflow_ops.RULES,
    wrappers.RULES,
)

_RULES = {kind: rule for table in _TABLES for kind, rule in table.items()}
if len(_RULES) != sum(len(table) for table in _TABLES):
    raise RuntimeError("two modules have a rule for the same layer kind")

_ONNX = "onnx."


def rules_beside(kind: str) -> Mapping[str, Rule]:
    """Return the rules of all kinds that come from where a kind does.

    Parameters
    ----------
    kind : str
        Keras' class name, or such as ``"ops.Add"`` for a functional operation and
        ``"onnx.Conv"`` for an operator of ONNX.

    Returns
    -------
    rules : mapping of str to Rule
        By kind; that of the kind itself is among them if there is one.

    Examples
    --------
    >>> "Dense" in rules_beside("Conv2D"), "onnx.Gemm" in rules_beside("onnx.Conv")
    (True, True)
    """
    if kind.startswith(_ONNX):  # a table of its own that few networks need
        from predictor.counting.onnx_ops import RULES

        return RULES
    return _RULES
