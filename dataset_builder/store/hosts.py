"""Hosts of one data set: which may measure for it, and what each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dataset_builder.trial.environment import differences
from predictor.errors import UsageError

OWN_KEYS = frozenset({"host", "identity", "kernel", "memory_bytes"})
"""What may differ between hosts of one hardware, in whatever depth: every GPU has its
identity, sister machines report a few pages more or less of memory, and are updated one
after another."""


def environment_differences(
    expected: Mapping[str, object], found: Mapping[str, object]
) -> list[str]:
    """Return what keeps two hosts from measuring for one data set.

    Parameters
    ----------
    expected, found : mapping
        Environments, as `describe_environment` returns them.

    Returns
    -------
    differences : list of str
        One sentence part for each value; empty if the hosts are of one kind.

    Examples
    --------
    >>> environment_differences({"cores": 2, "host": "a"}, {"cores": 2, "host": "b"})
    []
    >>> environment_differences({"cores": 2}, {"cores": 4})
    ['cores was 2, is 4']
    """
    return differences(_common(expected), _common(found))


def with_host(
    manifest: Mapping[str, Any],
    environment: Mapping[str, object],
    *,
    force: bool = False,
) -> dict[str, Any]:
    """Return a manifest in which a host is entered that measures for it.

    Parameters
    ----------
    manifest : mapping
        The manifest so far.
    environment : mapping
        The host's, as `describe_environment` returns it there.
    force : bool, default=False
        Accept a host of another kind and record what differs.

    Returns
    -------
    manifest : dict
        With the environment under ``hosts``; equal to the one given if it was there.

    Raises
    ------
    UsageError
        If the host is of another kind; names every difference.

    Examples
    --------
    >>> manifest = {"environment": {"cores": 2}}
    >>> with_host(manifest, {"cores": 2, "host": "ab"})["hosts"]
    {'ab': {'cores': 2, 'host': 'ab'}}
    >>> with_host(manifest, {"cores": 4, "host": "ab"})
    Traceback (most recent call last):
    predictor.errors.UsageError: host ab is not like ...: cores was 2, is 4. ...
    """
    host = str(environment["host"])
    differing = environment_differences(manifest["environment"], environment)
    hosts = {**manifest.get("hosts", {}), host: dict(environment)}
    entered = {**manifest, "hosts": hosts}
    if not differing:
        return entered
    if not force:
        raise UsageError(
            f"host {host} is not like those that measured this data set; differing: "
            f"{'; '.join(differing)}. Leave it out, or --force-resume to mix them all "
            "the same"
        )
    forced = {"host": host, "differing": differing}
    before = manifest.get("forced_hosts", [])
    return {
        **entered,
        "forced_hosts": before if forced in before else [*before, forced],
    }


def _common(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _common(v) for k, v in value.items() if k not in OWN_KEYS}
    if isinstance(value, list | tuple):
        return [_common(item) for item in value]
    return value
