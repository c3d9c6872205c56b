"""The command ``dataset_builder``, but with the trials of `tests.faults.trial`.

Run as ``python -m tests.faults.sweeper sweep --out ...``. Trials import the main module
of their sweep again, so nothing is imported before the sweep begins.
"""

import contextlib
import os
import sys
from functools import partial
from types import ModuleType, SimpleNamespace

TURN_VARIABLE = "WATT_AHEAD_TURN_S"


class RandomPoints:
    """Stands in for SciPy's, whose import would be half of the time of a sweep."""

    def __init__(self, dimensions, *, scramble, seed):
        from numpy.random import default_rng

        del scramble
        self._dimensions = dimensions
        self._source = default_rng(seed)

    def random(self, count):
        return self._source.random((count, self._dimensions))


class CheapRunner:
    """Runs trials as a sweep does; idle power and meter are known without looking."""

    def __init__(self, server):
        self.home, self.log, self.run = server.home, server.log, server.run

    def call(self, target, arguments, *, wall_s):
        from dataset_builder.trial.worker import describe_main
        from tests.dataset_builder.builders import METER, idle_record

        del wall_s
        if target is describe_main:
            return "row", dict(METER)
        return "row", idle_record(arguments[0])


@contextlib.contextmanager
def cheap_server(make_variables):
    """Serve trials without Keras: none of the variables that ask for it are set."""
    from dataset_builder.trial.trials import trial_server
    from tests.faults.trial import trial_main

    del make_variables
    with trial_server(lambda home: {"HOME": home}, trial=trial_main) as server:
        yield CheapRunner(server)


def main():
    sys.modules["scipy.stats"] = ModuleType("scipy.stats")
    sys.modules["scipy.stats"].qmc = SimpleNamespace(Sobol=RandomPoints)
    from dataset_builder import cli, station, sweep

    sweep.run_sweep = partial(sweep.run_sweep, serve=cheap_server)
    turn_s = os.environ.get(TURN_VARIABLE)
    if turn_s is not None:
        station.HostLock = partial(station.HostLock, turn_s=float(turn_s))
    return cli.main()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # while the above was imported
        sys.exit(130)
