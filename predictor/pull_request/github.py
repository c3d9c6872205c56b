"""One comment on a pull request, made once and then kept up to date."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from predictor import __version__
from predictor.errors import InputFileError, PostingError, UsageError
from predictor.readers.limits import parse_json, read_capped

LONGEST_COMMENT = 65_536
"""Characters that GitHub takes."""

TIMEOUT_S = 30
LARGEST_ANSWER_BYTES = 64 * 2**20
COMMENTS_PER_PAGE = 100
MOST_PAGES = 100

_OWN_MACHINE = {"localhost", "127.0.0.1", "::1"}
_MAY_WRITE = {"OWNER", "MEMBER", "COLLABORATOR"}
_ADVICE = {
    401: "the token is wrong or has expired",
    403: "the token may not write here; the job needs permissions: pull-requests: "
    "write, which a pull request from a fork never gets",
    404: "there is no such pull request, or the token may not see it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request and the right to comment on it.

    Parameters
    ----------
    api : str
        Address of GitHub's REST API.
    repository : str
        As owner/name.
    number : int
        Of the pull request.
    from_fork : bool, default=False
        Whether its branch is in another repository, so that tokens cannot write.
    token : str
        What authorises; never shown.
    """

    api: str
    repository: str
    number: int
    from_fork: bool = False
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of a comment.

    Parameters
    ----------
    action : {"created", "updated", "skipped"}
        What was done.
    url : str
        Where the comment is; empty where there is none.
    """

    action: str
    url: str


def pull_request_of(
    environment: Mapping[str, str], number: int | None = None
) -> PullRequest:
    """Find out which pull request a job runs for.

    Parameters
    ----------
    environment : mapping of str to str
        With ``GITHUB_TOKEN`` and ``GITHUB_REPOSITORY``; ``GITHUB_API_URL`` for another
        server than github.com; ``GITHUB_EVENT_PATH`` where no `number` is given.
    number : int, optional
        Of the pull request.

    Returns
    -------
    pull_request : PullRequest
        Where to comment.

    Raises
    ------
    UsageError
        If something is missing or malformed.
    """
    token = environment.get("GITHUB_TOKEN", "")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise UsageError(
            "a comment needs a token in GITHUB_TOKEN; give one, or --dry-run to post "
            "nothing"
        )
    repository = environment.get("GITHUB_REPOSITORY", "")
    if not re.fullmatch(r"[\w.-]{1,100}/[\w.-]{1,100}", repository, re.ASCII):
        raise UsageError(
            f"GITHUB_REPOSITORY must be owner/name, got {repository!r:.80}; set it, or "
            "give --dry-run to post nothing"
        )
    api = environment.get("GITHUB_API_URL") or "https://api.github.com"
    event = _event(environment.get("GITHUB_EVENT_PATH"))
    if number is None:
        number = event.get("number")
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise UsageError(
            "this job runs for no pull request; give its number by --pull-request, or "
            "--dry-run to post nothing"
        )
    return PullRequest(
        api=_checked_address(api),
        repository=repository,
        number=number,
        from_fork=_head_repository(event) not in (None, repository),
        token=token,
    )


def post(
    pull_request: PullRequest, body: str, *, marker: str, create: bool = True
) -> Posted:
    """Make a comment, or bring the one that was made before up to date.

    Parameters
    ----------
    pull_request : PullRequest
        Where.
    body : str
        Markdown that begins with `marker`.
    marker : str
        What the comment is known by.
    create : bool, default=True
        Whether to make one where there is none.

    Returns
    -------
    posted : Posted
        What was done.

    Raises
    ------
    PostingError
        If GitHub refuses or does not answer.

    Notes
    -----
    A comment that begins with the marker is ours only if a bot made it, or somebody
    who may write to the repository: nobody else gets the result under their name.
    """
    comments = f"/repos/{pull_request.repository}/issues/{pull_request.number}/comments"
    for comment in _comments(pull_request, comments):
        if _is_ours(comment, marker):
            path = f"/repos/{pull_request.repository}/issues/comments/{comment['id']}"
            found, _ = _call(pull_request, "PATCH", path, {"body": body})
            return Posted(action="updated", url=_url(found))
    if not create:
        return Posted(action="skipped", url="")
    found, _ = _call(pull_request, "POST", comments, {"body": body})
    return Posted(action="created", url=_url(found))


def _event(path: str | None) -> Mapping[str, Any]:
    if not path:
        return {}
    try:
        with Path(path).open("rb") as file:
            event = parse_json(read_capped(file, path), path)
    except (OSError, InputFileError) as error:
        raise UsageError(f"GITHUB_EVENT_PATH: {error}") from error
    found = event.get("pull_request") if isinstance(event, dict) else None
    return found if isinstance(found, dict) else {}


def _head_repository(event: Mapping[str, Any]) -> str | None:
    value: Any = event
    for key in ("head", "repo", "full_name"):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _checked_address(api: str) -> str:
    try:
        parts = urlsplit(api)
        host = parts.hostname
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and host in _OWN_MACHINE
        )
        is_plain = not (parts.username or parts.password or parts.query)
        is_whole = bool(host) and parts.port != 0 and api.isprintable()
    except ValueError:
        is_safe = is_plain = is_whole = False
    if not (is_safe and is_plain and is_whole and " " not in api):
        raise UsageError(f"GITHUB_API_URL must be an https address, got {api!r:.80}")
    return api.rstrip("/")


def _comments(pull_request: PullRequest, path: str) -> Iterator[dict[str, Any]]:
    for page in range(1, MOST_PAGES + 1):
        found, link = _call(
            pull_request, "GET", f"{path}?per_page={COMMENTS_PER_PAGE}&page={page}"
        )
        if not isinstance(found, list):
            raise PostingError("GitHub's answer is no list of comments")
        yield from (comment for comment in found if isinstance(comment, dict))
        if 'rel="next"' not in link:
            return


def _is_ours(comment: Mapping[str, Any], marker: str) -> bool:
    user, body = comment.get("user"), comment.get("body")
    is_bot = isinstance(user, dict) and user.get("type") == "Bot"
    return (
        isinstance(comment.get("id"), int)
        and isinstance(body, str)
        and body.startswith(marker)
        and (is_bot or comment.get("author_association") in _MAY_WRITE)
    )


def _url(comment: object) -> str:
    url = comment.get("html_url") if isinstance(comment, dict) else None
    return url if isinstance(url, str) else ""


class _NoRedirects(HTTPRedirectHandler):
    """Lets the token go nowhere but where it was meant to go."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(api: str) -> OpenerDirector:
    if urlsplit(api).hostname in _OWN_MACHINE:
        return build_opener(_NoRedirects, ProxyHandler({}))
    return build_opener(_NoRedirects)


def _call(
    pull_request: PullRequest, method: str, path: str, content: object = None
) -> tuple[object, str]:
    """Ask GitHub, and return the answer and its header ``Link``."""
    request = Request(
        pull_request.api + path,
        method=method,
        data=None if content is None else json.dumps(content).encode("ascii"),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {pull_request.token}",
            "Content-Type": "application/json",
            "User-Agent": f"watt-ahead/{__version__}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    where = f"{pull_request.repository}#{pull_request.number}"
    try:
        with _opener(pull_request.api).open(request, timeout=TIMEOUT_S) as answer:
            text = answer.read(LARGEST_ANSWER_BYTES + 1)
            link = answer.headers.get("Link") or ""
    except HTTPError as error:
        advice = _ADVICE.get(error.code, "nothing was posted")
        with error:
            raise PostingError(
                f"cannot comment on {where}: GitHub answers {error.code}; {advice}",
                error.code,
            ) from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise PostingError(
            f"cannot comment on {where}: {urlsplit(pull_request.api).hostname} cannot "
            f"be reached ({str(reason)[:200]})"
        ) from None
    if len(text) > LARGEST_ANSWER_BYTES:
        raise PostingError(f"cannot comment on {where}: GitHub's answer is too large")
    try:
        return json.loads(text), link
    except (ValueError, RecursionError):
        raise PostingError(
            f"cannot comment on {where}: GitHub's answer is no JSON"
        ) from None
