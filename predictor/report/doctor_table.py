"""What the doctor found, as text for people."""

from __future__ import annotations

import re
import textwrap

from predictor.doctor import Check, Fix, Report
from predictor.report.terminal import printable, terminal_width

_STATE_WIDTH = 9
_NAME_WIDTH = 16
_INDENT = " " * 4
_NARROW = 60
_LONGEST_TEXT = 10_000
_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")


def render_report(report: Report) -> str:
    """Write what the doctor found.

    Parameters
    ----------
    report : Report
        What to show.

    Returns
    -------
    text : str
        As wide as the terminal; nothing is cut, and commands are whole.
    """
    width = terminal_width()
    lines = []
    for check in report.checks:
        lines += _check_lines(check, width)
    states = [check.state for check in report.checks]
    lines += ["", ", ".join(f"{states.count(s)} {s}" for s in dict.fromkeys(states))]
    return "\n".join(lines) + "\n"


def _check_lines(check: Check, width: int) -> list[str]:
    name = check.name.replace("_", " ")
    head = f"{check.state:{_STATE_WIDTH}}{name:{_NAME_WIDTH}}"
    lines = textwrap.wrap(
        printable(check.finding, _LONGEST_TEXT),
        width,
        initial_indent=head,
        subsequent_indent=_INDENT if width < _NARROW else " " * len(head),
        break_on_hyphens=False,
    )
    for fix in check.fixes:
        lines += _fix_lines(fix, width)
    return lines


def _fix_lines(fix: Fix, width: int) -> list[str]:
    purpose = printable(fix.purpose, _LONGEST_TEXT) + (":" if fix.command else "")
    lines = textwrap.wrap(purpose, width, initial_indent="  ", subsequent_indent="  ")
    for line in fix.command.splitlines():
        lines += _command_lines(printable(line, _LONGEST_TEXT), width)
    return lines


def _command_lines(command: str, width: int) -> list[str]:
    """Break a command between its words, so that a shell still takes it."""
    if len(_INDENT + command) <= width:
        return [_INDENT + command]
    lines, line = [], _INDENT
    for word in _WORD.findall(command):
        if line.strip() and len(line) + len(word) + 2 > width:
            lines.append(f"{line}\\")
            line = _INDENT * 2
        line += word + " "
    return [*lines, line.rstrip()]
