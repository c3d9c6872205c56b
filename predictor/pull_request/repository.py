"""A git repository: commits, what changed between them, and what files hold."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from predictor.errors import RepositoryError, UsageError

WORKING_TREE = "."
"""Stands for the files as they are on disk, where a commit could be named."""

GIT_TIMEOUT_S = 120
LARGEST_LISTING_BYTES = 64 * 2**20

_REGULAR_MODES = {"100644", "100755"}
_SECRETS = ("GITHUB_TOKEN", "GH_TOKEN")
_SETTINGS = (
    *("-c", "core.fsmonitor=false"),  # the repository's own would start a program
    *("-c", "protocol.allow=never"),  # a partial clone would fetch what it lacks
)
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSide:
    """A regular file on one side of a change.

    Parameters
    ----------
    path : str
        From the top of the repository; any characters.
    blob : str or None
        The object that holds it; None for the file on disk.
    """

    path: str
    blob: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that differs between two sides.

    Parameters
    ----------
    base, head : FileSide or None
        None where there is no regular file.
    """

    base: FileSide | None
    head: FileSide | None


def find_repository(folder: Path) -> Path:
    """Return the top of the working tree that a folder is in.

    Parameters
    ----------
    folder : Path
        Where to look, and above.

    Returns
    -------
    top : Path
        The top folder.

    Raises
    ------
    RepositoryError
        If there is no git, or no repository, or not this user's.
    """
    found = _git(folder, "rev-parse", "--show-toplevel")
    return Path(os.fsdecode(found.removesuffix(b"\n")))


def default_base(environment: Mapping[str, str]) -> str:
    """Return what a change is compared with where nobody says.

    Parameters
    ----------
    environment : mapping of str to str
        In a pull request's workflow, ``GITHUB_BASE_REF`` is the branch it goes to.

    Returns
    -------
    ref : str
        That branch, or else the default branch, as last fetched from ``origin``.

    Examples
    --------
    >>> default_base({"GITHUB_BASE_REF": "main"}), default_base({})
    ('refs/remotes/origin/main', 'refs/remotes/origin/HEAD')
    """
    return f"refs/remotes/origin/{environment.get('GITHUB_BASE_REF') or 'HEAD'}"


def commit_of(top: Path, ref: str) -> str:
    """Return the commit that a name stands for.

    Parameters
    ----------
    top : Path
        Of the repository.
    ref : str
        Branch, tag or commit.

    Returns
    -------
    commit : str
        Its full hash.

    Raises
    ------
    UsageError
        If there is none of that name.
    """
    if ref.startswith("-") or not ref.isprintable():
        raise UsageError(f"{ref!r:.80} is no name of a commit")
    try:
        found = _git(
            top,
            *("rev-parse", "--verify", "--quiet", "--end-of-options"),
            f"{ref}^{{commit}}",
        )
    except RepositoryError as error:
        raise UsageError(
            f"there is no commit {ref!r:.200} in this repository; fetch it (in a "
            "workflow: check out with fetch-depth: 0), or name another by --base and "
            "--head"
        ) from error
    return found.decode("ascii").strip()


def merge_base(top: Path, one: str, other: str) -> str:
    """Return the commit where two lines of history parted.

    Parameters
    ----------
    top : Path
        Of the repository.
    one, other : str
        Hashes of commits.

    Returns
    -------
    commit : str
        Its full hash.

    Raises
    ------
    RepositoryError
        If there is none, or this clone does not reach so far.
    """
    try:
        found = _git(top, "merge-base", one, other)
    except RepositoryError as error:
        raise RepositoryError(
            f"{one:.12} and {other:.12} have no common history in this clone; fetch "
            "more of it (in a workflow: check out with fetch-depth: 0)"
        ) from error
    return found.decode("ascii").strip()


def changed_files(top: Path, base: str, head: str | None) -> list[FileChange]:
    """List the files that differ between two commits.

    Parameters
    ----------
    top : Path
        Of the repository.
    base : str
        Hash of a commit.
    head : str or None
        Hash of a commit; None for the working tree, with files that git does not
        know and does not ignore.

    Returns
    -------
    changes : list of FileChange
        By path. Links and submodules are no files; a file that only moved is left out.

    Raises
    ------
    RepositoryError
        If git fails, or lists too much.
    """
    options = ("-r", "-z", "--raw", "--no-abbrev", "-M", "--no-ext-diff")
    if head is None:
        listing = _git(top, "diff-index", *options, base, "--")
        others = _git(top, "ls-files", "-z", "--others", "--exclude-standard")
        paths = [os.fsdecode(path) for path in others.split(b"\0") if path]
    else:
        listing = _git(top, "diff-tree", *options, base, head, "--")
        paths = []
    changes = [
        *_parsed(listing),
        *(FileChange(base=None, head=FileSide(path=path, blob=None)) for path in paths),
    ]
    return [one for one in changes if one.base != one.head and not _moved(one)]


def blob_sizes(top: Path, blobs: Iterable[str]) -> dict[str, int]:
    """Return how large objects are.

    Parameters
    ----------
    top : Path
        Of the repository.
    blobs : iterable of str
        Their hashes.

    Returns
    -------
    sizes : dict of str to int
        In bytes, of those that this clone holds.
    """
    asked = "".join(f"{blob}\n" for blob in blobs).encode("ascii")
    lines = _git(top, "cat-file", "--batch-check", stdin=asked).decode("ascii")
    parts = [line.split() for line in lines.splitlines()]
    return {part[0]: int(part[2]) for part in parts if part[1] == "blob"}


def copy_blob(top: Path, blob: str, target: IO[bytes]) -> None:
    """Write what an object holds into a file.

    Parameters
    ----------
    top : Path
        Of the repository.
    blob : str
        Its hash.
    target : binary file
        Open for writing; a file of the system.

    Raises
    ------
    RepositoryError
        If this clone does not hold it.
    """
    _run(top, ("cat-file", "blob", blob), stdin=b"", stdout=target)


def _moved(change: FileChange) -> bool:
    base, head = change.base, change.head
    return bool(base and head and base.blob is not None and base.blob == head.blob)


def _parsed(listing: bytes) -> Iterable[FileChange]:
    fields = iter(listing.split(b"\0"))
    for field in fields:
        if not field:
            continue
        base_mode, head_mode, base_blob, head_blob, status = (
            field.decode("ascii").removeprefix(":").split(" ")
        )
        base_path = head_path = os.fsdecode(next(fields))
        if status.startswith("R"):
            head_path = os.fsdecode(next(fields))
        yield FileChange(
            base=_side(base_mode, base_path, base_blob),
            head=_side(head_mode, head_path, head_blob),
        )


def _side(mode: str, path: str, blob: str) -> FileSide | None:
    if mode not in _REGULAR_MODES:
        return None
    return FileSide(path=path, blob=blob if blob.strip("0") else None)


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    with TemporaryFile() as output:
        _run(folder, arguments, stdin=stdin, stdout=output)
        size = os.fstat(output.fileno()).st_size
        if size > LARGEST_LISTING_BYTES:
            raise RepositoryError(
                f"git {arguments[0]} lists {size:,} bytes, more than "
                f"{LARGEST_LISTING_BYTES:,}; compare commits that differ less"
            )
        output.seek(0)
        return output.read()


def _run(
    folder: Path, arguments: tuple[str, ...], *, stdin: bytes, stdout: IO[bytes]
) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in _SECRETS
    }
    with TemporaryFile() as asked, TemporaryFile() as said:
        asked.write(stdin)
        asked.seek(0)
        try:
            done = subprocess.run(
                ["git", *_SETTINGS, "-C", str(folder), *arguments],
                stdin=asked,
                stdout=stdout,
                stderr=said,
                env=environment | _QUIET,
                timeout=GIT_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise RepositoryError(
                "there is no program git here, which reads the repository; install it"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise RepositoryError(
                f"git {arguments[0]} did not end within {GIT_TIMEOUT_S} s"
            ) from error
        if done.returncode:
            said.seek(0)
            words = " ".join(said.read(400).decode("utf-8", "replace").split())
            if "promisor" in words:
                words += "; the clone is partial: fetch it whole, without a filter"
            raise RepositoryError(
                f"git {arguments[0]} in {str(folder)!r} failed: "
                f"{words or f'exit status {done.returncode}'}"
            )
