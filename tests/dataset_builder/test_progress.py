"""A sweep shows how it goes, and is no load while a trial measures."""

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from dataset_builder.progress import make_progress

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
COLOUR = re.compile(r"\x1b\[[\d;]+m")
CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\r")


def summary(**changes):
    """Return the attributes of a sweep's summary that are read."""
    return SimpleNamespace(
        **{
            "measured": 34,
            "valid": 33,
            "failed": 0,
            "skipped": 0,
            "energy_j": 45_123.4,
            "duration_s": 600.0,
            "window_s": 400.0,
            "left_s": 720.0,
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def terminal(**settings):
    return Console(file=io.StringIO(), force_terminal=True, **{"width": 80, **settings})


def shown(console, *trials, **settings):
    """Return what stood on the screen after the last trial."""
    with make_progress(False, console=console, **settings) as progress:
        for trial in trials:
            start = len(console.file.getvalue())
            progress.trial(*trial)
        return CONTROL.sub("", console.file.getvalue()[start:])


def test_a_bar_says_what_was_done_what_it_took_and_what_is_left():
    screen = shown(terminal(), ("dense training b32", summary()), minutes=22)

    for text in ("34 rows", "97 % valid", "45,123 J", "12 min left"):
        assert text in screen
    assert "dense training b32" in screen
    assert "failed" not in screen


def test_failed_trials_and_the_wanted_number_are_said():
    screen = shown(terminal(), ("dense", summary(failed=2)), total_runs=120)

    assert "34 of 120 rows" in screen
    assert "2 failed" in screen


def test_nothing_measured_yet_has_no_share():
    screen = shown(terminal(), ("dense", summary(measured=0, valid=0, failed=1)))

    assert "valid" not in screen
    assert "1 failed" in screen


@pytest.mark.parametrize(
    ("left_s", "text"),
    [
        (40.0, "40 s left"),
        (720.0, "12 min left"),
        (9000.0, "2.5 h left"),
        (None, " J\n"),
    ],
)
def test_the_time_left_has_a_fitting_unit_or_is_not_claimed(left_s, text):
    assert text in shown(terminal(), ("dense", summary(left_s=left_s)))


@pytest.mark.parametrize(
    "settings", [{"total_runs": 68}, {"minutes": 20}, {"left": True}]
)
def test_half_the_way_is_half_the_bar(settings, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")  # then the rest of the bar is blank
    left_s = 600.0 if settings.pop("left", False) else None

    screen = shown(terminal(), ("dense", summary(left_s=left_s)), **settings)

    bar = screen.splitlines()[0].partition("34")[0].rstrip("\n")[:-1]
    assert bar.count("━") + bar.count("╸") == pytest.approx(len(bar) / 2, abs=1)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    busiest = summary(
        measured=123_456, valid=123_456, failed=999, energy_j=12_345_678.9
    )

    screen = shown(terminal(width=width), ("x" * 300, busiest), total_runs=999_999)

    assert max(map(len, screen.splitlines())) <= width
    assert "J" in screen


def test_eighty_columns_cut_no_number():
    busiest = summary(measured=1234, failed=12, energy_j=1_234_567.8, left_s=5900.0)

    screen = shown(terminal(), ("dense", busiest), total_runs=5678)

    assert "1234 of 5678 rows, 3 % valid, 12 failed, 1,234,568 J, 98 min left" in screen


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, RuntimeError])
def test_a_bar_is_cleaned_up_however_the_sweep_ends(error):
    console, threads = terminal(), threading.active_count()

    def sweep():
        with make_progress(False, console=console) as progress:
            progress.trial("dense", summary())
            if error is not None:
                raise error

    if error is None:
        sweep()
    else:
        with pytest.raises(error):
            sweep()

    written = console.file.getvalue()
    assert written.rindex(SHOW_CURSOR) > written.rindex(HIDE_CURSOR)
    after = written[written.rindex("dense") :]
    assert "\x1b[2K" in after  # its lines are erased
    assert threading.active_count() == threads


def test_ctrl_c_on_a_real_terminal_gives_the_cursor_back():
    code = (
        "import time\n"
        "from dataset_builder.progress import make_progress\n"
        "try:\n"
        "    with make_progress(False, minutes=1) as progress:\n"
        "        progress.say('ready')\n"
        "        time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print('ended')\n"
    )
    controller, end = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=end, stderr=end) as it:
        os.close(end)
        written = read_until(controller, "ready")
        it.send_signal(signal.SIGINT)
        written += read_until(controller, "ended")
    os.close(controller)

    assert HIDE_CURSOR in written
    assert written.rindex(SHOW_CURSOR) > written.rindex(HIDE_CURSOR)


def read_until(descriptor, text):
    written, end_s = "", time.monotonic() + 30
    while text not in written and time.monotonic() < end_s:
        if select.select([descriptor], [], [], 0.1)[0]:
            written += os.read(descriptor, 4096).decode()
    assert text in written
    return written


def test_a_bar_starts_no_thread_and_writes_only_when_told():
    console = terminal()
    threads = threading.active_count()

    with make_progress(False, minutes=10, console=console) as progress:
        progress.trial("dense", summary())
        before = console.file.getvalue(), time.process_time()
        assert threading.active_count() == threads
        time.sleep(0.3)

        assert console.file.getvalue() == before[0]
        assert time.process_time() - before[1] < 0.15


def test_a_remark_stays_above_the_bar():
    console = terminal()

    with make_progress(False, console=console) as progress:
        progress.trial("dense", summary())
        progress.say("waiting for [another] measurement")
        progress.trial("conv", summary())

    assert console.file.getvalue().count("waiting for [another] measurement") == 1


def test_names_cannot_steer_the_terminal():
    console = terminal()

    screen = shown(console, ("FAILED \x1b]0;title\x07 [red]odd\n", summary()))

    assert "\x1b]0" not in console.file.getvalue()
    assert "FAILED ?]0;title? [red]odd?" in screen


def test_no_colour_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console = terminal(color_system="truecolor")

    assert "34 rows" in shown(console, ("dense", summary()))
    assert not COLOUR.search(console.file.getvalue())


@pytest.mark.parametrize("how", ["no terminal", "dumb terminal"])
def test_one_plain_line_per_trial_where_a_bar_cannot_be_drawn(how, monkeypatch):
    if how == "dumb terminal":
        monkeypatch.setenv("TERM", "dumb")
    console = Console(file=io.StringIO(), force_terminal=how == "dumb terminal")
    line = "  34  dense training b32 " + "x" * 100

    with make_progress(False, console=console) as progress:
        progress.say("found")
        progress.trial(line, summary())

    assert console.file.getvalue() == f"found\n{line}\n"


def test_a_file_is_no_terminal_even_where_colour_is_forced(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")

    with make_progress(False) as progress:
        progress.trial("a line", summary())

    assert capsys.readouterr() == ("", "a line\n")


def test_quiet_says_nothing():
    console = terminal()

    with make_progress(True, console=console) as progress:
        progress.say("found")
        progress.trial("dense", summary())

    assert console.file.getvalue() == ""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_that_nobody_reads_any_more_ends_no_sweep(is_terminal):
    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    console = Console(file=Gone(), force_terminal=is_terminal)

    with make_progress(False, console=console) as progress:
        progress.say("found")
        progress.trial("dense", summary())
