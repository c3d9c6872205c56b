"""What a check found, for people and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SCHEMA_VERSION = 1
WIDTH = 80
FIGURE_WIDTH = 10
_NO_BREAK = "\0%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something that is wrong or missing.

    Parameters
    ----------
    text : str
        What, with the number that shows it.
    command : str, default=""
        What to run next; empty where nothing need be done.

    Examples
    --------
    >>> str(Remark(text="no rows", command="dataset_builder sweep --out data"))
    'no rows; run `dataset_builder sweep --out data`'
    """

    text: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.text}; run `{self.command}`" if self.command else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one rule found.

    Parameters
    ----------
    title : str
        Its heading; with underscores for spaces, its name in the document.
    file : str or None, default=None
        File of rows it speaks of; None for the whole data set.
    facts : mapping, default={}
        Numbers, as JSON values.
    lines : tuple of str, default=()
        The same numbers for people, at most 80 characters wide.
    problems : tuple of Remark, default=()
        What disqualifies the data set.
    notes : tuple of Remark, default=()
        What would make it better.
    """

    title: str
    file: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    problems: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found.

    Parameters
    ----------
    directory : str
        The data set.
    sections : tuple of Section
        One for each rule and file.
    """

    directory: str
    sections: tuple[Section, ...]

    @property
    def problems(self) -> tuple[Remark, ...]:
        """What disqualifies the data set; empty where it is good."""
        return tuple(one for section in self.sections for one in section.problems)

    @property
    def notes(self) -> tuple[Remark, ...]:
        """What would make it better."""
        return tuple(one for section in self.sections for one in section.notes)

    @property
    def lines(self) -> tuple[str, ...]:
        """The numbers, grouped under headings."""
        lines: list[str] = []
        for section in self.sections:
            if section.lines:
                where = f"{section.file}: " if section.file else ""
                lines += ["", f"{where}{section.title}", *section.lines]
        return tuple(lines[1:])

    def to_text(self) -> str:
        """Return numbers, problems, notes and verdict.

        Returns
        -------
        text : str
            Ends with a line break; only commands are wider than 80 characters.
        """
        lines = [*self.lines]
        for title, remarks in (("problems", self.problems), ("notes", self.notes)):
            if remarks:
                lines += ["", title]
            for number, remark in enumerate(remarks, start=1):
                lines += _wrapped(remark.text, number)
                if remark.command:
                    lines.append(f"     $ {remark.command}")
        count = len(self.problems)
        verdict = f"not good: {counted(count, 'problem')}" if count else "good"
        return "\n".join([*lines, "", f"{self.directory}: {verdict}"]) + "\n"

    def to_dict(self) -> dict[str, object]:
        """Return the versioned document that ``--format json`` prints.

        Returns
        -------
        document : dict
            Schema version 1; relative numbers are fractions.
        """
        files: dict[str, dict[str, object]] = {}
        whole: dict[str, object] = {}
        for section in self.sections:
            part = files.setdefault(section.file, {}) if section.file else whole
            part[section.title.replace(" ", "_")] = dict(section.facts)
        remarks = {
            name: [{"text": one.text, "command": one.command or None} for one in found]
            for name, found in (("problems", self.problems), ("notes", self.notes))
        }
        return {
            "schema_version": SCHEMA_VERSION,
            "directory": self.directory,
            "good": not self.problems,
            **remarks,
            "files": files,
            "data_set": whole,
        }


def _wrapped(text: str, number: int) -> list[str]:
    lines = textwrap.wrap(
        text.replace(" %", _NO_BREAK),  # a number stays with its unit
        WIDTH,
        initial_indent=f"{number:3d}. ",
        subsequent_indent="     ",
    )
    return [line.replace(_NO_BREAK, " %") for line in lines]


def figure(value: object, text: str) -> str:
    """Write a number in front of what it counts.

    Parameters
    ----------
    value : object
        The number, or its text.
    text : str
        What it is.

    Returns
    -------
    lines : str
        At most 80 characters each, with line breaks between.

    Examples
    --------
    >>> figure(377, "rows")
    '       377  rows'
    """
    head = f"{value!s:>{FIGURE_WIDTH}}  "
    indent = " " * (len(head) + 2)
    text = text.replace(" %", _NO_BREAK)
    lines = textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=indent)
    return "\n".join(lines).replace(_NO_BREAK, " %")


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table, its first column to the left and the others to the right.

    Parameters
    ----------
    titles : sequence of str
        Of the columns.
    rows : sequence of sequence of str
        The cells.

    Returns
    -------
    lines : list of str
        The titles, then the rows, indented.

    Examples
    --------
    >>> table(["", "pairs"], [["energy", "12"], ["time", "9"]])
    ['          pairs', '  energy     12', '  time        9']
    """
    columns = list(zip(titles, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in (titles, *rows)
    ]


def percent(fraction: float, digits: int = 1) -> str:
    """Write a fraction in percent.

    Parameters
    ----------
    fraction : float
        The number.
    digits : int, default=1
        After the point.

    Returns
    -------
    text : str
        With its unit.

    Examples
    --------
    >>> percent(0.0356), percent(0.5, 0)
    ('3.6 %', '50 %')
    """
    return f"{100 * fraction:.{digits}f} %"


def counted(count: int, noun: str) -> str:
    """Write a number with its noun.

    Parameters
    ----------
    count : int
        How many.
    noun : str
        In the singular; its plural ends in s.

    Returns
    -------
    text : str
        Such as ``"1 row"`` and ``"2 rows"``.

    Examples
    --------
    >>> counted(1, "row"), counted(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def named(counts: Mapping[str, int]) -> str:
    """Write counts by name in one line.

    Parameters
    ----------
    counts : mapping of str to int
        How many of each, in the order wanted.

    Returns
    -------
    text : str
        Such as ``"rapl 3, constant 1"``.

    Examples
    --------
    >>> named({"rapl": 3, "constant": 1})
    'rapl 3, constant 1'
    """
    return ", ".join(f"{name} {count}" for name, count in counts.items())
