"""Whether a data set is good: numbers, the problems they show, and what to run next."""

from dataset_builder.checking.check import check_directory
from dataset_builder.checking.report import CheckReport, Remark, Section

__all__ = ["CheckReport", "Remark", "Section", "check_directory"]
