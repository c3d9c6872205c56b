"""All rules, applied to one data set."""

from __future__ import annotations

from pathlib import Path

from dataset_builder.checking.coverage import check_coverage
from dataset_builder.checking.integrity import check_integrity, check_row_integrity
from dataset_builder.checking.meters import check_meters
from dataset_builder.checking.repeats import check_noise, check_spread
from dataset_builder.checking.report import CheckReport
from dataset_builder.checking.schedule import check_overlap, check_pace
from dataset_builder.checking.stability import check_drift, check_idle
from dataset_builder.checking.validity import check_cost, check_validity
from dataset_builder.store.contents import read_contents

FILE_RULES = (
    check_row_integrity,
    check_validity,
    check_cost,
    check_spread,
    check_noise,
    check_coverage,
    check_pace,
)
"""Rules of one file of rows, in the order of the report."""

RULES = (check_integrity, check_meters, check_drift, check_idle, check_overlap)
"""Rules of the data set as a whole."""


def check_directory(directory: Path) -> CheckReport:
    """Check a data set.

    Parameters
    ----------
    directory : Path
        With at least one file of rows.

    Returns
    -------
    report : CheckReport
        Numbers, and the problems and notes that follow from them.

    Raises
    ------
    InputFileError
        If there are no rows, or a file cannot be read.
    DatasetError
        If the manifest is no JSON object.
    """
    contents = read_contents(directory)
    sections = [
        rule(contents, file)
        for file in contents.files
        if file.rows or file.content.damaged or file.content.torn
        for rule in FILE_RULES
    ]
    sections += [rule(contents) for rule in RULES]
    return CheckReport(directory=str(directory), sections=tuple(sections))
