"""Every exception and warning this package raises on purpose."""

from collections.abc import Iterable


class PredictorError(Exception):
    """Base class of all errors raised on purpose.

    `exit_status` is what the command line returns for it.
    """

    exit_status = 4


class UsageError(PredictorError, ValueError):
    """An option or argument is out of its range."""

    exit_status = 2


class OverBudgetError(PredictorError):
    """An estimate exceeds a budget given by the user."""

    exit_status = 3


class InputFileError(PredictorError, ValueError):
    """A file is missing, unreadable, too large or not of a known format."""


class MissingExtraError(PredictorError, ImportError):
    """A package of an optional extra is needed and not installed."""


class ArchitectureError(PredictorError, ValueError):
    """An architecture description is malformed or its shapes do not fit."""


class UnsupportedLayerError(ArchitectureError):
    """A layer kind has no counting rule.

    Parameters
    ----------
    kind : str
        The layer kind as written in the description.
    name : str
        The layer's name.
    known : iterable of str
        The layer kinds that have a rule.
    reason : str, optional
        Why this kind can have none.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], reason: str | None = None
    ) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        advice = (
            f"{len(self.known)} kinds are known (predictor.counting.known_kinds()). "
            "Replace it by known layers, add a rule in predictor/counting, or have it "
            "priced by its tensors (--on-unknown approximate)."
        )
        super().__init__(
            f"layer {name!r} is of kind {kind!r}, which has no counting rule; "
            f"{reason or advice}"
        )


class WorkloadError(UsageError):
    """A workload cannot be carried out."""


class DatasetError(PredictorError, ValueError):
    """A measurement file breaks its format: field missing, unit or range violated."""


class ModelFileError(PredictorError, ValueError):
    """A fitted model is missing, damaged, altered or of an unknown format."""


class FeatureMismatchError(ModelFileError):
    """A fitted model was made with other features than this version computes.

    Parameters
    ----------
    expected : tuple of str
        Names this version computes.
    found : tuple of str
        Names stored with the fitted model.
    """

    def __init__(self, expected: tuple[str, ...], found: tuple[str, ...]) -> None:
        self.expected = expected
        self.found = found
        strange = [name[:40] for name in sorted(set(expected) ^ set(found))]
        super().__init__(
            "the fitted model was made with other features than this version "
            f"computes (differing: {', '.join(strange[:5]) or 'order'}). "
            "Fit it again with `predictor fit`."
        )


class OutOfDomainError(PredictorError):
    """A strict estimate was asked for outside the fitted range."""

    exit_status = 5


class RepositoryError(PredictorError, RuntimeError):
    """A git repository, or something in it, cannot be read."""


class PostingError(PredictorError, RuntimeError):
    """A comment cannot be posted: refused, or nobody answers.

    Parameters
    ----------
    message : str
        One sentence.
    status : int, optional
        HTTP status, where there was an answer.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class MeasurementError(PredictorError, RuntimeError):
    """Nothing can be measured here, or a reading is not usable."""

    exit_status = 6
