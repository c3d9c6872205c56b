"""``predictor pull-request``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from predictor.cli_options import (
    AnswerOptions,
    BudgetOptions,
    ChangeOptions,
    JobOptions,
    PlaceOptions,
    ReadingOptions,
)
from predictor.command_line import (
    OutputOption,
    print_notice,
    require_one_of,
    say,
    write_result,
)

FORMS = ("markdown", "json")
_LONGEST_ERROR = 500


def command(
    context: typer.Context,
    job: JobOptions,
    reading: ReadingOptions,
    place: PlaceOptions,
    answered_by: AnswerOptions,
    limits: BudgetOptions,
    changed: ChangeOptions,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="What to compare with: the commit where it and the head parted. By "
            "default origin's branch in GITHUB_BASE_REF, or its default branch.",
        ),
    ] = None,
    head: Annotated[
        str,
        typer.Option(metavar="REF", help="The change; . for the working tree."),
    ] = "HEAD",
    pull_request: Annotated[
        int | None, typer.Option(help="Its number; by default the job's.")
    ] = None,
    tag: Annotated[
        str, typer.Option(help="Tells this comment from others of this program.")
    ] = "predictor",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Post nothing; no network is needed.")
    ] = False,
    form: Annotated[
        str, typer.Option("--format", help="markdown or json, for stdout.")
    ] = "markdown",
    output: OutputOption = None,
) -> None:
    """Comment on what a change of networks does to their energy.

    Example: predictor pull-request --base main --max-increase 20% --dry-run
    """
    from predictor.errors import OutOfDomainError, OverBudgetError, RepositoryError
    from predictor.pull_request.document import change_document
    from predictor.pull_request.github import LONGEST_COMMENT, pull_request_of
    from predictor.report.pull_request_comment import render_comment
    from predictor.report.tabular import document_text
    from predictor.report.terminal import printable

    require_one_of(form, FORMS, "--format")
    marker = _marker(tag)
    target = None if dry_run else pull_request_of(os.environ, pull_request)
    report = _report(
        base,
        head,
        changed,
        changed.limits(limits.budgets()),
        terms=_terms(job, reading, place, answered_by),
        arguments={
            "workload": job.workload(),
            **reading.arguments(),
            **place.arguments(),
            **answered_by.arguments(),
            "strict": False,  # said of each network, and after the comment
        },
    )
    say(context, f"model read from {report.terms.chosen.folder}")
    is_silent = changed.skip_unchanged and not report.is_notable
    comment = render_comment(report, marker=marker, longest=LONGEST_COMMENT)
    if form == "json":
        write_result(document_text(change_document(report)), output)
    elif not is_silent:
        write_result(comment, output)
    if is_silent:
        print_notice(f"no network's energy changed by more than {changed.threshold}")
    else:
        _summarise(comment)
    failure = _post(target, comment, marker, is_silent)
    if report.exceeded:
        if failure:
            print_notice(f"predictor: error: {failure}")
        raise OverBudgetError(printable("; ".join(report.exceeded), _LONGEST_ERROR))
    if failure:
        raise failure
    unanswered = [one for one in report.unanswered if one.side == "head"]
    if unanswered:
        first = f"{unanswered[0].path}: {unanswered[0].reason}"
        raise RepositoryError(
            f"no answer for {len(unanswered)} changed network(s): "
            f"{printable(first, _LONGEST_ERROR)}"
        )
    if answered_by.strict and report.outside:
        outside = printable(", ".join(report.outside), _LONGEST_ERROR)
        raise OutOfDomainError(f"outside the fitted range: {outside}")


def _marker(tag: str) -> str:
    from predictor.errors import UsageError

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}", tag):
        raise UsageError(
            f"--tag must be up to 64 letters, digits, _ and ., got {tag!r:.80}"
        )
    return f"<!-- watt-ahead:{tag} -->"


def _terms(
    job: JobOptions,
    reading: ReadingOptions,
    place: PlaceOptions,
    answered_by: AnswerOptions,
) -> Any:
    """Return what holds for every network; what is wrong with it ends the command."""
    from predictor.carbon import carbon_intensity
    from predictor.estimation import check_mode, check_terms
    from predictor.models import choose_model
    from predictor.pull_request.changes import Terms
    from predictor.readers import Request

    workload = job.workload()
    check_terms(
        confidence_level=answered_by.confidence,
        pue=place.pue,
        price_per_kwh=place.price,
    )
    check_mode(Request(decode=reading.decode), workload)
    require_one_of(reading.on_unknown, ("error", "approximate"), "--on-unknown")
    return Terms(
        workload=workload,
        chosen=choose_model(answered_by.model, hardware=answered_by.hardware),
        carbon=carbon_intensity(
            place.region, override_g_per_kwh=place.carbon_intensity
        ),
        pue=place.pue,
        confidence_level=answered_by.confidence,
    )


def _report(
    base: str | None,
    head: str,
    changed: ChangeOptions,
    limits: Any,
    *,
    terms: Any,
    arguments: dict[str, Any],
) -> Any:
    from predictor.estimation import estimate
    from predictor.pull_request import repository
    from predictor.pull_request.changes import compare_networks

    top = repository.find_repository(Path.cwd())
    on_disk = head == repository.WORKING_TREE
    head_commit = repository.commit_of(top, "HEAD" if on_disk else head)
    base_commit = repository.merge_base(
        top,
        repository.commit_of(top, base or repository.default_base(os.environ)),
        head_commit,
    )
    return compare_networks(
        top,
        repository.changed_files(top, base_commit, None if on_disk else head_commit),
        base=base_commit,
        head=head if on_disk else head_commit,
        globs=changed.networks or (),
        answer=lambda file: estimate(file, **arguments),
        terms=terms,
        limits=limits,
    )


def _summarise(comment: str) -> None:
    """Append the comment to the job's summary, where there is one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(comment)
    except OSError as error:
        print_notice(f"predictor: warning: no job summary ({error})")


def _post(target: Any, comment: str, marker: str, is_silent: bool) -> Any:
    """Post the comment, and return what went wrong."""
    from predictor.errors import PostingError
    from predictor.pull_request.github import post
    from predictor.report.terminal import printable

    if target is None:
        return None
    try:
        # What was said before must not stay where it holds no more.
        posted = post(target, comment, marker=marker, create=not is_silent)
    except PostingError as error:
        if target.from_fork and error.status == 403:
            print_notice(
                "predictor: warning: a pull request from a fork cannot be commented "
                "on; the comment is in the job's summary and on stdout"
            )
            return None
        return error
    print_notice(printable(f"comment {posted.action}: {posted.url or 'none'}"))
    return None
