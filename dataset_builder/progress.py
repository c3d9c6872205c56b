"""What a sweep shows while it measures: a bar, plain lines, or nothing.

Nothing runs between two calls: a thread that refreshed a bar would be load beside the
trial that is measured. So the bar moves when a trial ends, and stands still before.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from predictor.report.terminal import printable

if TYPE_CHECKING:
    from dataset_builder.sweep import SweepSummary


class Progress(Protocol):
    """Anything that is told how a sweep goes."""

    def say(self, text: str) -> None:
        """Take notice of something.

        Parameters
        ----------
        text : str
            One line.
        """
        ...

    def trial(self, text: str, summary: SweepSummary) -> None:
        """Take notice of a trial that has ended.

        Parameters
        ----------
        text : str
            One line on the trial.
        summary : SweepSummary
            What the sweep has done so far.
        """
        ...


@contextlib.contextmanager
def make_progress(
    quiet: bool,
    total_runs: int | None = None,
    minutes: float | None = None,
    *,
    console: Console | None = None,
) -> Iterator[Progress]:
    """Show a sweep's progress on stderr within a block.

    A bar where a person looks on; one line per trial in a pipe, a file, or where
    ``TERM`` is ``dumb``. ``NO_COLOR`` takes the colours away. However the block ends,
    by Ctrl-C too, the bar is gone and the cursor is back. What cannot be shown, since
    nobody reads any more, is no error.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing at all.
    total_runs : int, optional
        Trials that are asked for, failed ones included.
    minutes : float, optional
        Time that is given, in minutes.
    console : Console, optional
        Where to show it; by default stderr.

    Yields
    ------
    progress : Progress
        To be told of every trial.
    """
    if quiet:
        yield _Silence()
        return
    if console is None:
        # FORCE_COLOR makes no terminal of a file.
        is_terminal = None if sys.stderr.isatty() else False
        console = Console(stderr=True, force_terminal=is_terminal)
    if not console.is_interactive:
        yield _Lines(console)
        return
    bar = _Bar(console, total_runs, minutes)
    try:
        bar.start()
        yield bar
    finally:
        bar.stop()


class _Silence:
    def say(self, text: str) -> None:
        pass

    def trial(self, text: str, summary: SweepSummary) -> None:
        pass


class _Lines:
    def __init__(self, console: Console) -> None:
        self._file = console.file

    def say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(text + "\n")
            self._file.flush()

    def trial(self, text: str, summary: SweepSummary) -> None:
        self.say(text)


class _Bar:
    def __init__(
        self, console: Console, total_runs: int | None, minutes: float | None
    ) -> None:
        self._total_runs = total_runs
        self._given_s = None if minutes is None else 60 * minutes
        self._live = Live(
            self._view("starting", None, ""),
            console=console,
            auto_refresh=False,  # no thread
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        with contextlib.suppress(OSError):
            self._live.start(refresh=True)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._live.stop()

    def say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._live.console.print(Text(printable(text)))

    def trial(self, text: str, summary: SweepSummary) -> None:
        view = self._view(self._state(summary), self._done(summary), text)
        with contextlib.suppress(OSError):
            self._live.update(view, refresh=True)

    def _view(self, state: str, done: float | None, last: str) -> Group:
        """Two lines: the bar with the state beside it, and what ran last."""
        line = Table.grid(expand=True, padding=(0, 1))
        line.add_column(ratio=1)
        line.add_column()
        line.add_row(ProgressBar(total=1.0, completed=done or 0.0), Text(state))
        return Group(line, Text(printable(last), no_wrap=True, overflow="crop"))

    def _done(self, summary: SweepSummary) -> float | None:
        if self._total_runs is not None:
            return (summary.measured + summary.failed) / self._total_runs
        if self._given_s is not None:
            return summary.duration_s / self._given_s
        if summary.left_s is not None:
            whole_s = summary.duration_s + summary.left_s
            return summary.duration_s / whole_s if whole_s > 0 else None
        return None

    def _state(self, summary: SweepSummary) -> str:
        of_total = "" if self._total_runs is None else f" of {self._total_runs}"
        parts = [f"{summary.measured}{of_total} rows"]
        if summary.measured:
            parts.append(f"{100 * summary.valid / summary.measured:.0f} % valid")
        if summary.failed:
            parts.append(f"{summary.failed} failed")
        parts.append(f"{summary.energy_j:,.0f} J")
        if summary.left_s is not None:
            parts.append(_time_left(summary.left_s))
        return ", ".join(parts)


def _time_left(left_s: float) -> str:
    if left_s < 100:
        return f"{left_s:.0f} s left"
    if left_s < 100 * 60:
        return f"{left_s / 60:.0f} min left"
    return f"{left_s / 3600:.1f} h left"
