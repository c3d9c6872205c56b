"""The comment on the pull request: made once, then kept up to date."""

import json
import socket

import pytest

from predictor.cli import main
from tests.predictor import github_server
from tests.predictor.github_server import BOT, TOKEN

MARKER = "<!-- watt-ahead:predictor -->"
WIDER = (64, 1024, 512, 10)


@pytest.fixture
def github(repository, monkeypatch, tmp_path):
    """A server, and the environment of a job that runs for its pull request."""
    with github_server.running() as server:
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", "some-one/a.repo")
        event(monkeypatch, tmp_path)
        yield server


def event(monkeypatch, tmp_path, head="some-one/a.repo", **given):
    content = {"pull_request": {"number": 7, "head": {"repo": {"full_name": head}}}}
    path = tmp_path / "event.json"
    path.write_text(json.dumps(content | given))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))


@pytest.fixture
def post(repository, model_folder, capsys):
    """Change a network and run the command; return status, stdout and stderr."""

    def run(*arguments, widths=WIDER):
        repository.mlp("nets/one.json", *widths)
        repository.commit()
        status = main(
            ["pull-request", "--base=main", f"--model={model_folder}", *arguments]
        )
        captured = capsys.readouterr()
        assert TOKEN not in captured.out + captured.err
        return status, captured.out, captured.err

    return run


def test_two_runs_leave_one_comment_that_says_what_the_second_found(github, post):
    github.add("looks good")

    status, first, err = post()
    assert (status, err.split()[:2]) == (0, ["comment", "created:"])
    assert github.bodies(MARKER) == [first]
    status, second, err = post(widths=(64, 2048, 512, 10))
    assert (status, err.split()[:2]) == (0, ["comment", "updated:"])
    assert second != first
    assert github.bodies(MARKER) == [second]
    assert len(github.comments) == 2


def test_our_comment_is_found_behind_many_others(github, post):
    for number in range(230):
        github.add(f"comment {number}")
    github.add(f"{MARKER}\nold", **BOT)
    github.add("last")

    assert post()[0] == 0

    (body,) = github.bodies(MARKER)
    assert "nets/one.json" in body
    assert [call for call, _ in github.calls] == ["GET", "GET", "GET", "PATCH"]


def test_comments_of_other_tags_are_left_alone(github, post):
    post("--tag", "other")
    post()

    assert len(github.comments) == 2
    assert len(github.bodies("<!-- watt-ahead:other -->")) == 1


@pytest.mark.parametrize(
    "comment",
    [
        {"body": f"{MARKER}\nby a stranger"},
        {"body": f"> {MARKER}\nquoted", "author_association": "OWNER"},
        {"body": None},
        {"body": f"{MARKER}\n", "user": None},
    ],
)
def test_what_others_wrote_is_never_overwritten(github, post, comment):
    body = comment.pop("body")
    github.add("", **comment)["body"] = body or ""

    assert post()[0] == 0

    assert github.comments[0]["body"] == (body or "")
    assert len(github.comments) == 2


def test_a_comment_made_with_a_members_token_is_kept_up_to_date(github, post):
    github.add(f"{MARKER}\nold", author_association="MEMBER")

    post()

    assert len(github.comments) == 1
    assert "nets/one.json" in github.comments[0]["body"]


def test_a_dry_run_asks_nobody(github, post, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", None)  # fails when called

    status, out, _ = post("--dry-run")

    assert status == 0
    assert out.startswith(MARKER)
    assert github.calls == []


def test_where_nothing_changed_no_comment_is_made_but_an_old_one_is_mended(
    github, post
):
    skip = ("--skip-unchanged", "--networks=nothing/*")
    assert post(*skip)[:2] == (0, "")
    assert github.comments == []
    post()
    assert post(*skip)[:2] == (0, "")
    (body,) = github.bodies(MARKER)
    assert "No network changed." in body


def test_over_budget_the_comment_is_posted_and_the_status_is_3(github, post):
    status, _, err = post("--max-increase", "5%")

    assert status == 3
    assert "**Over budget:**" in github.comments[0]["body"]
    assert "exceeds the allowed increase" in err


@pytest.mark.parametrize("status", [301, 403, 404, 422, 500])
def test_a_refusal_is_one_sentence_and_the_summary_has_the_comment(
    github, post, tmp_path, status
):
    github.refusal = status

    found, out, err = post()

    assert found == 4
    assert len(err.splitlines()) == 1
    assert f"some-one/a.repo#7: GitHub answers {status};" in err
    assert (tmp_path / "summary.md").read_text() == out
    assert len(github.calls) == 2  # and nobody was asked elsewhere


def test_a_wrong_token_is_said_to_be(github, post, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "wrong")

    status, _, err = post()

    assert status == 4
    assert "the token is wrong" in err
    assert "'wrong'" not in err


def test_from_a_fork_the_comment_is_in_the_summary_and_that_is_no_failure(
    github, post, tmp_path, monkeypatch
):
    event(monkeypatch, tmp_path, head="stranger/a.repo")
    github.refusal = 403

    status, out, err = post()
    assert status == 0
    assert "from a fork" in err
    assert (tmp_path / "summary.md").read_text() == out
    assert post("--max-increase", "5%")[0] == 3


def test_offline_is_one_sentence(github, post, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv(
            "GITHUB_API_URL", f"http://127.0.0.1:{free.getsockname()[1]}"
        )

        status, out, err = post()

    assert status == 4
    assert out.startswith(MARKER)
    assert "127.0.0.1 cannot be reached" in err


@pytest.mark.parametrize("answer", ["{", '{"message": "odd"}', "[" * 100_000, "null"])
def test_an_answer_that_is_none_is_one_sentence(github, post, answer):
    github.answer = answer

    status, _, err = post()

    assert status == 4
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GITHUB_TOKEN", "", "GITHUB_TOKEN"),
        ("GITHUB_TOKEN", "two\nlines", "GITHUB_TOKEN"),
        ("GITHUB_REPOSITORY", "../../x", "owner/name"),
        ("GITHUB_REPOSITORY", "a/b/c", "owner/name"),
        ("GITHUB_API_URL", "http://github.example", "https address"),
        ("GITHUB_API_URL", "http://localhost@github.example", "https address"),
        ("GITHUB_API_URL", "https://user:pass@github.example", "https address"),
        ("GITHUB_API_URL", "file:///etc/passwd", "https address"),
        ("GITHUB_API_URL", "https://[", "https address"),
        ("GITHUB_EVENT_PATH", "/nowhere", "GITHUB_EVENT_PATH"),
        ("GITHUB_EVENT_PATH", "", "--pull-request"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_done(
    github, post, monkeypatch, name, value, said
):
    monkeypatch.setenv(name, value)

    status, out, err = post()

    assert (status, out) == (2, "")
    assert said in err
    assert github.calls == []


@pytest.mark.parametrize("number", [None, "7", True, -1, 7.0])
def test_an_event_without_a_number_is_no_pull_requests(
    github, post, monkeypatch, tmp_path, number
):
    event(monkeypatch, tmp_path, pull_request={"number": number})

    assert post()[0] == 2
    assert post("--pull-request", "7")[0] == 0


def test_the_same_machine_over_http_but_no_other(github, post, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.example:1")

    assert post()[0] == 0
