"""All counting rules, by layer kind."""

from collections.abc import Mapping
from types import MappingProxyType

from predictor.counting import (
    attention,
    convolution,
    dense,
    elementwise,
    experts,
    functional_ops,
    functional_shaping,
    normalisation,
    onnx_ops,
    pooling,
    preprocessing,
    recurrent,
    shaping,
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
    onnx_ops.RULES,
    pooling.RULES,
    preprocessing.RULES,
    recurrent.RULES,
    shaping.RULES,
    wrappers.RULES,
)

RULES: Mapping[str, Rule] = MappingProxyType(
    {kind: rule for table in _TABLES for kind, rule in table.items()}
)
"""The rule of each layer kind; functional operations are named ``"ops.Add"``."""

if len(RULES) != sum(len(table) for table in _TABLES):
    raise RuntimeError("two modules have a rule for the same layer kind")
