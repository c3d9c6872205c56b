"""What a regressor that prices operations says: each call, and each start of a step."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.features import FloatArray, StepTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The parts of what steps take; together they are the prediction.

    Parameters
    ----------
    operations : ndarray of shape (n_operations,)
        One call of each operation, in J or s.
    starts : ndarray of shape (n_steps,)
        Starting each step, in the same unit.
    """

    operations: FloatArray
    starts: FloatArray

    def total(self, table: StepTable) -> FloatArray:
        """Add the parts up.

        Parameters
        ----------
        table : StepTable
            What these are the costs of.

        Returns
        -------
        values : ndarray of shape (n_steps,)
            What each step takes.
        """
        return table.total(self.operations) + self.starts
