"""Which packages are here, and whether their versions are allowed. None is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement

from predictor.doctor.check import Check, Fix

DISTRIBUTION = "watt-ahead"
BACKENDS = ("jax", "torch", "tensorflow")
"""Keras backends; a sweep takes the first where none is named."""

_OWN_CHECK = ("keras", "codecarbon")
_NO_EXTRA = ("tensorflow",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package and whether it will do.

    Parameters
    ----------
    name : str
        Name under which it is installed.
    version : str or None
        None where it is not installed.
    allowed : str
        The versions this package allows, such as ``">=3.15"``; empty for all.
    fits : bool
        Whether it is installed in such a version.
    """

    name: str
    version: str | None
    allowed: str
    fits: bool


def find_package(name: str, requirements: Mapping[str, Requirement]) -> Package:
    """Look for a package without importing it.

    Parameters
    ----------
    name : str
        Name under which it is installed.
    requirements : mapping of str to Requirement
        By package.

    Returns
    -------
    package : Package
        What was found.

    Examples
    --------
    >>> find_package("no-such-package", {}).version is None
    True
    """
    requirement = requirements.get(name)
    allowed = "" if requirement is None else _range(requirement)
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # Some come under several names, such as tensorflow-cpu.
        is_here = name.isidentifier() and importlib.util.find_spec(name) is not None
        return Package(
            name=name,
            version="of unknown version" if is_here else None,
            allowed=allowed,
            fits=is_here,
        )
    return Package(
        name=name,
        version=version,
        allowed=allowed,
        fits=requirement is None
        or requirement.specifier.contains(version, prereleases=True),
    )


def our_requirements(
    lines: Iterable[str] | None = None,
) -> tuple[dict[str, Requirement], dict[str, Requirement]]:
    """Return what this package needs, and what its backends' extras need.

    Parameters
    ----------
    lines : iterable of str, optional
        Requirements as package metadata has them; by default this package's own.

    Returns
    -------
    needed, extras : dict of str to Requirement
        By package; empty where this package was not installed.

    Examples
    --------
    >>> needed, extras = our_requirements(["numpy>=2", "jax>=0.6; extra == 'jax'"])
    >>> sorted(needed), sorted(extras)
    (['numpy'], ['jax'])
    """
    if lines is None:
        try:
            lines = importlib.metadata.requires(DISTRIBUTION) or ()
        except importlib.metadata.PackageNotFoundError:
            lines = ()
    needed: dict[str, Requirement] = {}
    extras: dict[str, Requirement] = {}
    for requirement in map(Requirement, lines):
        name, marker = requirement.name, requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            needed[name] = requirement
        elif name in BACKENDS and marker.evaluate({"extra": name}):
            extras[name] = requirement
    return needed, extras


def check_backends(packages: Iterable[Package]) -> Check:
    """Say which Keras backends are installed.

    Parameters
    ----------
    packages : iterable of Package
        The backends that were looked for, the default first.

    Returns
    -------
    check : Check
        Missing where there is none: then nothing can be measured.
    """
    found = tuple(packages)
    here = [package for package in found if package.version is not None]
    absent = [package for package in found if package.version is None]
    bad = [package for package in here if not package.fits]
    parts = [f"{package.name} {package.version}" for package in here]
    if not here:
        parts.append("none is installed: estimates work, a sweep does not")
    elif absent:
        parts.append(f"not installed: {', '.join(package.name for package in absent)}")
    parts += [f"{package.name} must be {package.allowed}" for package in bad]
    if here and found[0] in absent:
        parts.append(f"a sweep needs --backend {here[0].name}")
    return Check(
        name="backends",
        state="missing" if not here else "note" if bad or found[0] in absent else "ok",
        finding="; ".join(parts),
        fixes=tuple(
            Fix(purpose=f"for {package.name}", command=_backend_line(package.name))
            for package in (*bad, *absent)
        ),
        facts={package.name: package.version for package in found},
    )


def check_package(package: Package) -> Check:
    """Say whether a package is there in an allowed version.

    Parameters
    ----------
    package : Package
        What was found.

    Returns
    -------
    check : Check
        With the line that installs it, where it is missing.
    """
    allowed = f"allowed {package.allowed}" if package.allowed else "any version"
    if package.version is None:
        finding = f"not installed ({allowed})"
    elif package.fits:
        finding = f"{package.version} ({allowed})"
    else:
        finding = f"{package.version} is not of the versions allowed {package.allowed}"
    return Check(
        name=package.name,
        state="ok" if package.fits else "missing",
        finding=finding,
        fixes=() if package.fits else (_install((package,)),),
        facts={"version": package.version, "allowed": package.allowed},
    )


def check_python(packages: Iterable[Package], version: str) -> Check:
    """Say which versions of Python and of the needed packages are in use.

    Parameters
    ----------
    packages : iterable of Package
        Everything that is needed besides what has a check of its own.
    version : str
        Version of this package.

    Returns
    -------
    check : Check
        With the line that installs what is missing.
    """
    found = tuple(packages)
    wrong = tuple(package for package in found if not package.fits)
    parts = [f"Python {platform.python_version()}, {DISTRIBUTION} {version}"]
    parts += [f"{package.name} {package.version or '-'}" for package in found]
    finding = ", ".join(parts)
    if wrong:
        wanted = ", ".join(f"{package.name}{package.allowed}" for package in wrong)
        finding += f"; wanted: {wanted}"
    if not found:
        finding += f"; {DISTRIBUTION} is not installed, so nothing says what it needs"
    return Check(
        name="versions",
        state="missing" if wrong else "ok" if found else "note",
        finding=finding,
        fixes=(_install(wrong),) if wrong else (),
        facts={
            "python": platform.python_version(),
            DISTRIBUTION: version,
            **{package.name: package.version for package in found},
        },
    )


def check_software(version: str) -> tuple[tuple[Check, ...], Check]:
    """Look for every package that matters.

    Parameters
    ----------
    version : str
        Version of this package.

    Returns
    -------
    measuring : tuple of Check
        Backends, Keras and CodeCarbon.
    versions : Check
        Python and all other packages.
    """
    needed, extras = our_requirements()
    others = sorted(set(needed) - set(_OWN_CHECK))
    measuring = (
        check_backends(find_package(name, extras) for name in BACKENDS),
        *(check_package(find_package(name, needed)) for name in _OWN_CHECK),
    )
    return measuring, check_python(
        (find_package(name, needed) for name in others), version
    )


def _range(requirement: Requirement) -> str:
    return ",".join(sorted(map(str, requirement.specifier), reverse=True))


def _install(packages: Iterable[Package]) -> Fix:
    wanted = " ".join(f"'{package.name}{package.allowed}'" for package in packages)
    return Fix(purpose="install it", command=f"pip install {wanted}")


def _backend_line(name: str) -> str:
    wanted = name if name in _NO_EXTRA else f"'{DISTRIBUTION}[{name}]'"
    return f"pip install {wanted}"
