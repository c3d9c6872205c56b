"""What commands print in a process of its own, on a terminal or not."""

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

SEPARATOR = "\x1e"
PROGRAM = f"""\
import json, sys
from predictor.cli import main
for arguments in json.loads(sys.argv[1]):
    main(arguments)
    sys.stdout.write({SEPARATOR!r})
    sys.stdout.flush()
"""
LEFT_OUT = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING"}
LEFT_OUT |= {"LC_ALL", "LANG", "TERM", "CI", "GITHUB_ACTIONS", "PY_COLORS"}


def _environment(changes):
    kept = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
    usual = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": os.getcwd()}
    return kept | usual | changes


def _command(runs):
    return [sys.executable, "-c", PROGRAM, json.dumps(runs)]


def on_terminal(runs, columns, **environment):
    """Return what each run of the command line shows on a terminal."""
    master, slave = pty.openpty()
    size = struct.pack("HHHH", 40, columns, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    with subprocess.Popen(
        _command(runs),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=_environment(environment),
    ):
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal's other end is closed
            while part := os.read(master, 65536):
                shown += part
    os.close(master)
    return _parts(shown)


def piped(runs, **environment):
    """Return what each run of the command line writes into a pipe."""
    process = subprocess.run(
        _command(runs), capture_output=True, env=_environment(environment), check=False
    )
    assert process.stderr == b""
    return _parts(process.stdout)


def _parts(shown):
    parts = shown.decode("utf-8").replace("\r\n", "\n").split(SEPARATOR)
    assert parts.pop() == ""  # the program came to its end
    return parts
