"""What the doctor finds: a state, a sentence, and how to change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "note", "missing"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """How something is put right.

    Parameters
    ----------
    purpose : str
        What it brings, or advice where there is no command.
    command : str, default=""
        To be typed in a shell as it stands; may have several lines.
    """

    purpose: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name : str
        Stable short name, such as ``"rapl"``.
    state : {"ok", "note", "missing"}
        ``ok``: nothing to do. ``note``: works within a limit one should know.
        ``missing``: something cannot be done here.
    finding : str
        What was found, in a sentence or two.
    fixes : tuple of Fix
        How to change it; may be empty.
    facts : mapping
        The same for programs, as JSON values; units are in the names.

    Examples
    --------
    >>> Check(name="disk", state="ok", finding="79 GiB free").to_dict()["fixes"]
    []
    """

    name: str
    state: State
    finding: str
    fixes: tuple[Fix, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return the check as JSON values.

        Returns
        -------
        document : dict
            With every field.
        """
        return {
            "name": self.name,
            "state": self.state,
            "finding": self.finding,
            "fixes": [
                {"purpose": fix.purpose, "command": fix.command} for fix in self.fixes
            ],
            "facts": dict(self.facts),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was looked at.

    Parameters
    ----------
    version : str
        Version of this package.
    checks : tuple of Check
        In the order in which they are shown.
    """

    version: str
    checks: tuple[Check, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON values.

        Returns
        -------
        document : dict
            With ``schema_version``; see the README.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "version": self.version,
            "checks": [check.to_dict() for check in self.checks],
        }
