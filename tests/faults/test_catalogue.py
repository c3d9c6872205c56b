"""The catalogue of faults names tests that exist, for every fault."""

import ast
from pathlib import Path

import pytest

from tests.faults.catalogue import FAULTS

TESTS = Path(__file__).parents[1]
SWEEPING = {*range(1, 17), 21, 22}


def test_every_fault_of_sweeping_is_in_the_catalogue():
    assert set(FAULTS) == SWEEPING


@pytest.mark.parametrize("number", FAULTS)
def test_every_fault_has_tests_that_exist(number):
    assert FAULTS[number].tests
    for test in FAULTS[number].tests:
        file, _, name = test.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in names, test
