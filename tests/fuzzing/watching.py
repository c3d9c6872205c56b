"""What reading a file must not do: connect, start, write, import, or leave changed."""

import contextlib
import decimal
import gc
import locale
import os
import random
import resource
import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np

FORBIDDEN = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.chmod"),
    *("shutil.", "urllib.", "pickle.find_class", "ctypes.dlopen"),
)
FRAMEWORKS = {"codecarbon", "jax", "joblib", "keras", "pickle", "tensorflow", "torch"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Watch:
    """Hears of every event of the interpreter while it is switched on."""

    def __init__(self):
        self.heard = []
        self._on = False
        sys.addaudithook(self._hear)

    def _hear(self, event, arguments):
        if not self._on:
            return
        if event == "open":
            _, mode, flags = arguments
            if set(str(mode or "")) & set("wax+") or (flags or 0) & WRITING:
                self.heard.append(f"writes {arguments[0]!r:.60}")
        elif event == "import":
            if arguments[0].partition(".")[0] in FRAMEWORKS:
                self.heard.append(f"imports {arguments[0]}")
        elif event.startswith(FORBIDDEN):
            self.heard.append(f"{event}{arguments!r:.80}")

    @contextlib.contextmanager
    def on(self):
        """Listen for a while; what was heard before is forgotten."""
        self.heard.clear()
        self._on = True
        try:
            yield
        finally:
            self._on = False


def state():
    """Return what the whole program shares."""
    return {
        "directory": os.getcwd(),
        "environment": dict(os.environ),
        "path": list(sys.path),
        "random numbers": random.getstate(),
        "numpy's random numbers": np.random.get_state()[1].tobytes(),  # noqa: NPY002
        "numpy's errors": np.geterr(),
        "warnings": list(map(str, warnings.filters)),
        "recursion limit": sys.getrecursionlimit(),
        "locale": locale.setlocale(locale.LC_ALL),
        "decimals": str(decimal.getcontext()),
        "collection": gc.isenabled(),
        "threads": threading.active_count(),
        "SIGINT": signal.getsignal(signal.SIGINT),
        "open files": len(os.listdir("/proc/self/fd")),
        "hooks": (sys.excepthook, sys.stdout, sys.stderr),
    }


def changed(before, after):
    """Return the names of what is not as it was."""
    return [name for name in before if before[name] != after[name]]


def limit_memory(more_bytes):
    """Let this process have only so much more memory than it has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
