"""What a change of networks does to their energy, as a comment."""

import json
import os
import re
import zipfile
from pathlib import Path

import jsonschema
import pytest
from markdown_it import MarkdownIt

import predictor
from predictor.cli import main
from predictor.readers import read_network
from predictor.report.terminal import printable
from tests.predictor import device
from tests.predictor.git_repository import WIDTHS

MARKDOWN = MarkdownIt("commonmark").enable("table")
SCHEMA = Path(predictor.__file__).parent / "schemas" / "pull-request.json"
WIDER = (64, 1024, 512, 10)


@pytest.fixture
def comment(repository, model_folder, capsys):
    """Run the command without posting; return status, stdout and stderr."""

    def run(*arguments, base="main"):
        given = [] if base is None else ["--base", base]
        command = ["pull-request", "--dry-run", "--model", str(model_folder)]
        status = main([*command, *given, *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def document(comment):
    def run(*arguments, **given):
        status, out, err = comment("--format", "json", *arguments, **given)
        assert status == 0, err
        return json.loads(out)

    return run


def rows(markdown):
    return [line for line in markdown.splitlines() if line.startswith("| ")][1:]


def test_a_changed_network_is_shown_with_its_energy_before_and_after(
    repository, comment
):
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()

    status, out, err = comment()

    assert (status, err) == (0, "")
    assert out.startswith("<!-- watt-ahead:predictor -->\n")
    (row,) = rows(out)
    cells = row.strip("| ").split(" | ")
    assert cells[0] == "`nets/one.json`"
    quantity = r"[\d.,]+ \S+( CO2e)? \([\d.,]+ to [\d.,]+\)"
    for cell in (cells[1], cells[4], cells[5]):  # energy, time, emissions
        assert re.fullmatch(f"{quantity}<br>→ {quantity}", cell), cell
    assert re.fullmatch(r"\*\*[\d.]+\*\*<br>[\d.]+ to [\d.]+", cells[2])


def test_numbers_are_those_of_estimate_and_compare(
    repository, document, model_folder, capsys
):
    repository.write("old.json", device.mlp(*WIDTHS))
    repository.mlp("nets/one.json", *WIDER)
    files = ["old.json", "nets/one.json"]
    main(["compare", *files, "--model", str(model_folder), "--format", "json"])
    before, after = json.loads(capsys.readouterr().out)["estimates"]
    (repository.folder / "old.json").unlink()
    repository.commit()

    (change,) = document()["networks"]

    assert change["base"]["energy_kwh"] == before["energy_kwh"]
    assert change["head"]["energy_kwh"] == after["energy_kwh"]
    assert change["energy_ratio"] == after["energy_ratio"]
    assert change["probability_more"] == pytest.approx(1 - after["probability_less"])
    assert change["head"]["params"] == after["network"]["params"]


def test_the_document_keeps_to_its_schema(repository, document):
    repository.mlp("nets/one.json", *WIDER)
    repository.mlp("nets/new.json", 8, 8)
    repository.git("rm", "--quiet", "nets/two.json")
    repository.commit()
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    validator.validate(document("--price", "0.3", "--max-increase", "1000%"))
    validator.validate(document(base="HEAD"))


def test_new_and_gone_networks_are_said_to_be(repository, document, comment):
    repository.mlp("nets/new.json", *WIDER)
    repository.git("rm", "--quiet", "nets/two.json")
    repository.commit()

    found = document()

    kinds = {one["path"]: one["change"] for one in found["networks"]}
    assert kinds == {"nets/new.json": "added", "nets/two.json": "removed"}
    assert all(one["energy_ratio"] is None for one in found["networks"])
    new, gone = (one["head"] or one["base"] for one in found["networks"])
    assert found["totals"] == {
        "base_energy_kwh": gone["energy_kwh"],
        "head_energy_kwh": new["energy_kwh"],
    }
    out = comment()[1]
    assert "removed" in out
    assert re.search(r"One run of all 2 together: .+ before, \*\*.+\*\* after\.", out)


def test_a_renamed_network_is_compared_with_what_it_was(repository, document, comment):
    repository.git("mv", "nets/one.json", "nets/other.json")
    network = device.mlp(*WIDTHS)
    network["config"]["layers"][1]["config"]["units"] = 130
    repository.write("nets/other.json", network)
    repository.commit()

    (change,) = document()["networks"]

    assert (change["old_path"], change["path"]) == ("nets/one.json", "nets/other.json")
    assert change["energy_ratio"]["estimate"] > 1
    assert "`nets/other.json`<br>was `nets/one.json`" in comment()[1]


def test_a_network_that_only_moved_is_no_change(repository, document):
    repository.git("mv", "nets/one.json", "nets/other.json")
    repository.commit()

    assert document()["networks"] == []


def test_another_way_of_writing_the_same_network_is_no_change(repository, document):
    text = json.dumps(device.mlp(*WIDTHS), indent=3, sort_keys=True)
    repository.write("nets/one.json", text)
    repository.commit()

    found = document()

    assert (found["networks"], found["same"]) == ([], ["nets/one.json"])
    assert not found["is_notable"]


def test_a_network_that_does_the_same_work_takes_exactly_as_much(
    repository, document, comment
):
    repository.write("nets/one.json", device.mlp(*WIDTHS, name="another"))
    repository.commit()

    found = document()

    (change,) = found["networks"]
    assert change["energy_ratio"] == {"estimate": 1, "lower": 1, "upper": 1}
    assert change["probability_more"] == 0
    assert not found["is_notable"]
    assert "same work" in comment()[1]


def test_what_is_no_network_is_passed_by(repository, comment):
    repository.write("package.json", '{"name": "still no network"}')
    repository.write("half.json", '{"class_name": "Sequential", "config"')
    repository.write("settings.json", '{"model_type": "of something else"}')
    repository.write("list.json", '["class_name"]')
    repository.write("README.md", "text")
    repository.commit()

    status, out, err = comment()

    assert (status, err) == (0, "")
    assert "No network changed." in out


@pytest.mark.parametrize("content", ["{", '{"class_name": "Sequential"}', "\0" * 9])
def test_a_network_that_is_none_any_more_is_reported(repository, comment, content):
    repository.write("nets/one.json", content)
    repository.commit()

    status, out, err = comment()

    assert status == 4
    assert "- `nets/one.json`: after: `" in out
    assert str(repository.folder.parent) not in out
    assert len(err.splitlines()) == 1


def test_a_damaged_file_that_was_asked_for_is_reported(repository, comment):
    repository.write("nets/new.json", "{")
    repository.mlp("elsewhere.json")
    repository.commit()

    status, out, _ = comment("--networks", "nets/*.json")

    assert status == 4
    assert "`nets/new.json`" in out
    assert "elsewhere" not in out


def test_an_archive_is_a_network_whatever_its_weights(repository, document):
    def write(widths, weights):
        with zipfile.ZipFile(repository.folder / "net.keras", "w") as archive:
            archive.writestr("config.json", json.dumps(device.mlp(*widths)))
            archive.writestr("model.weights.h5", weights)
        repository.commit()

    write(WIDTHS, b"untrained")
    repository.git("branch", "untrained")
    write(WIDTHS, b"trained")
    assert document(base="untrained")["same"] == ["net.keras"]
    write(WIDER, b"trained")
    (change,) = document(base="untrained")["networks"]
    assert change["energy_ratio"]["estimate"] > 1


@pytest.mark.parametrize("name", ["net.onnx", "net.keras"])
def test_a_file_that_is_called_a_network_and_is_none_is_reported(
    repository, comment, name
):
    repository.write(name, "version https://git-lfs.github.com/spec/v1\noid sha256:0")
    repository.commit()

    status, out, _ = comment()

    assert status == 4
    assert f"`{name}`" in out
    assert "Git LFS" in out


def test_a_network_that_can_be_read_again_is_new(repository, document):
    repository.write("nets/one.json", '{"class_name": "Sequential", "config": 3}')
    damaged = repository.commit()
    repository.mlp("nets/one.json")
    repository.commit()

    found = document(base=damaged)

    assert [one["change"] for one in found["networks"]] == ["added"]
    assert [one["side"] for one in found["unanswered"]] == ["base"]


NAMES = [
    "a name.json",
    "-o.json",
    "--help.json",
    "quo\"te's.json",
    "new\nline.json",
    "| a | b |.json",
    "@everyone.json",
    "<img src=x onerror=alert(1)>.json",
    "`code` ``.json",
    "[link](https:example.org).json",
    "www.example.org.json",
    "--> <!-- watt-ahead:other -->.json",
    "back\\slash|.json",
    "$(touch owned).json",
    "…ünïcode.json",
    ":(exclude).json",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_and_command_nothing(repository, comment, document, name):
    repository.mlp(f"nets/{name}")
    repository.commit()

    status, out, _ = comment("--max-kwh", "0")

    assert status == 3
    assert [one["path"] for one in document()["networks"]] == [f"nets/{name}"]
    blocks = MARKDOWN.parse(out)
    tokens = [one for block in blocks for one in (block, *(block.children or ()))]
    kinds = {one.type for one in tokens}
    assert not kinds & {"link_open", "image", "em_open", "code_block", "fence"}
    tags = {one.content for one in tokens if one.type == "html_inline"}
    assert tags <= {"<br>", "<code>", "</code>"}
    html = [one.content.strip() for one in tokens if one.type == "html_block"]
    assert html == [
        "<!-- watt-ahead:predictor -->",
        "<details><summary>What these numbers rest on</summary>",
        "</details>",
    ]
    assert sum(one.type == "td_open" for one in tokens) == 8
    (cell,) = rows(out)
    texts = MARKDOWN.parseInline(cell.split(" | ")[0].strip("| "))[0].children
    assert printable(f"nets/{name}") in [one.content for one in texts]
    assert "@" not in out
    assert not (repository.folder / "owned").exists()


def test_a_name_that_is_no_text_is_shown(repository, comment, document):
    path = os.fsencode(repository.folder) + b"/net\xff.json"
    Path(os.fsdecode(path)).write_text(json.dumps(device.mlp(4, 4)))
    repository.commit()

    assert "`net?.json`" in comment()[1]
    (change,) = document()["networks"]
    assert change["path"] == "net�.json"


def test_links_and_submodules_are_no_networks(repository, document, tmp_path):
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps(device.mlp(*WIDER)))
    (repository.folder / "link.json").symlink_to(outside)
    (repository.folder / "nets" / "one.json").unlink()
    (repository.folder / "nets" / "one.json").symlink_to(outside)
    commit = repository.git("rev-parse", "HEAD")
    repository.git("add", "--all")
    entry = f"160000,{commit},module.json"
    repository.git("update-index", "--add", "--cacheinfo", entry)
    repository.git("commit", "--quiet", "--message", "links")

    (change,) = document("--networks", "*.json")["networks"]

    assert (change["path"], change["change"]) == ("nets/one.json", "removed")


def test_the_working_tree_counts_with_files_that_git_does_not_know(
    repository, document
):
    repository.mlp("nets/one.json", *WIDER)
    repository.mlp("nets/new.json")
    repository.mlp("nets/ignored.json")
    repository.write(".gitignore", "ignored.json")

    assert document()["networks"] == []
    found = document("--head", ".")

    assert found["head"] == "."
    assert {one["path"]: one["change"] for one in found["networks"]} == {
        "nets/one.json": "changed",
        "nets/new.json": "added",
    }


def test_what_happened_on_the_base_meanwhile_is_not_the_change(repository, document):
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.mlp("nets/two.json", 900, 900)
    repository.commit()
    repository.git("checkout", "--quiet", "change")

    assert [one["path"] for one in document()["networks"]] == ["nets/one.json"]


def test_the_base_is_the_branch_that_the_job_or_origin_names(
    repository, document, monkeypatch
):
    repository.mlp("nets/one.json", *WIDER)
    first = repository.commit()
    repository.mlp("nets/two.json", *WIDER)
    repository.commit()
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    head = ("refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    repository.git("symbolic-ref", *head)
    repository.git("update-ref", "refs/remotes/origin/release/1", first)

    assert len(document(base=None)["networks"]) == 2
    monkeypatch.setenv("GITHUB_BASE_REF", "release/1")
    assert len(document(base=None)["networks"]) == 1


@pytest.mark.parametrize(
    ("base", "status", "said"),
    [
        (None, 2, "fetch-depth: 0"),
        ("nowhere", 2, "'nowhere'"),
        ("--output=x", 2, "no name of a commit"),
        ("main\n", 2, "no name of a commit"),
        ("alone", 4, "no common history"),
    ],
)
def test_a_base_that_cannot_be_had_is_one_sentence(
    repository, comment, base, status, said
):
    repository.git("checkout", "--quiet", "--orphan", "alone")
    repository.commit("unrelated")
    repository.git("checkout", "--quiet", "change")

    found, out, err = comment(base=base)

    assert (found, out) == (status, "")
    assert said in err
    assert len(err.splitlines()) == 1


def test_what_a_partial_clone_lacks_is_not_fetched(
    repository, comment, tmp_path, monkeypatch
):
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()
    repository.git("config", "uploadpack.allowFilter", "true")
    source = f"file://{repository.folder}"
    partial = tmp_path / "partial"
    options = ("--quiet", "--no-checkout", "--filter=blob:none")
    repository.git("clone", *options, source, str(partial))
    monkeypatch.chdir(partial)

    status, out, err = comment(base="origin/main")

    assert (status, out) == (4, "")
    assert "without a filter" in err


def test_outside_a_repository_there_is_nothing_to_compare(
    comment, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    status, out, err = comment()

    assert (status, out) == (4, "")
    assert "not a git repository" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--max-increase", "5%"), "times that of the base"),
        (("--max-increase", "20%", "--budget-on", "upper"), "(upper)"),
        (("--max-kwh", "1e-9"), "energy_kwh"),
        (("--max-hours", "1e-9"), "duration_h"),
    ],
)
def test_over_a_limit_the_comment_says_so_and_the_status_is_3(
    repository, comment, arguments, said
):
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()

    status, out, err = comment(*arguments)

    assert status == 3
    assert "**Over budget:**\n\n- `nets/one.json`:" in out
    assert said in out
    assert said in err


def test_within_all_limits_the_status_is_0(repository, comment):
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()
    limits = ("--max-increase", "100000%", "--max-kwh", "1e6", "--max-hours", "1e6")

    assert comment(*limits, "--budget-on", "upper")[0] == 0


def test_a_new_network_is_held_against_budgets_but_no_increase(repository, comment):
    repository.mlp("nets/new.json", *WIDER)
    repository.commit()

    status, out, _ = comment("--max-increase", "0%")
    assert status == 0
    assert "`nets/new.json`: new, so its energy is held against no earlier one" in out
    assert comment("--max-kwh", "0")[0] == 3


def test_networks_that_did_not_change_are_held_against_nothing(repository, comment):
    repository.write("README.md", "text")
    repository.commit()

    assert comment("--max-kwh", "0")[0] == 0


@pytest.mark.parametrize("text", ["20", "0.2", "-5%", "nan%", "1e400%", "", "٢٠%"])
def test_an_increase_must_be_a_percentage(comment, text):
    status, _, err = comment("--max-increase", text)

    assert status == 2
    assert "must be a percentage such as 20%" in err


def test_below_the_threshold_nothing_is_said_where_so_asked(repository, comment):
    repository.write("nets/one.json", device.mlp(*WIDTHS, name="another"))
    repository.mlp("nets/two.json", 32, 17)
    repository.commit()

    status, out, err = comment("--skip-unchanged", "--threshold", "50%")
    assert (status, out) == (0, "")
    assert "more than 50%" in err
    assert "`nets/two.json`" in comment("--skip-unchanged", "--threshold", "0%")[1]
    assert comment("--skip-unchanged", "--threshold", "50%", "--max-kwh", "0")[1]


def test_outside_the_fitted_range_is_said_and_fails_when_strict(repository, comment):
    repository.mlp("nets/one.json", 50_000, 20_000, 20_000)
    repository.commit()

    status, out, _ = comment()
    assert status == 0
    assert "outside the fitted range after the change" in out
    assert comment("--strict")[0] == 5


def test_energy_that_moves_against_the_weights_is_remarked(repository, comment):
    # Ever so many positions with few weights, against many weights used once.
    repository.mlp("nets/one.json", 512, 512, 512)
    repository.commit("weights")
    repository.git("branch", "weights")
    repository.write("nets/one.json", device.cnn(48, 32, 32, 32))
    repository.commit()

    _, out, _ = comment(base="weights")

    assert "`nets/one.json`: its parameters fell, but it takes" in out


def test_the_project_sets_what_holds_for_it(repository, comment):
    repository.mlp("nets/one.json", *WIDER)
    repository.mlp("nets/two.json", *WIDER)
    repository.write(
        "pyproject.toml",
        '[tool.predictor]\nnetworks = ["nets/o*"]\nmax-increase = "5%"\nregion = "FRA"',
    )
    repository.commit()

    status, out, _ = comment()

    assert status == 3
    assert "FRA" in out
    assert "nets/two.json" not in out


def test_a_crowd_of_networks_still_fits_in_a_comment(repository, comment):
    for number in range(60):
        repository.mlp(f"{'@' * 90}{number}.json", 8, 8 + number)
    repository.commit()

    _, out, _ = comment()

    assert len(out) <= 65_536
    assert out.startswith("<!-- watt-ahead:predictor -->")
    assert "more networks changed less" in out


def test_the_comment_is_in_the_jobs_summary_too(
    repository, comment, tmp_path, monkeypatch
):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()

    _, out, _ = comment()

    assert summary.read_text() == "before\n" + out


@pytest.mark.parametrize("tag", ["", "a b", "-->", "a\n", "a--b", "x" * 65])
def test_a_tag_is_a_word(comment, tag):
    status, _, err = comment("--tag", tag)

    assert status == 2
    assert "--tag must be" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pue", "0.5"),
        ("--region", "XXX"),
        ("--epochs", "0"),
        ("--format", "csv"),
        ("--on-unknown", "guess"),
        ("--mode", "training", "--decode"),
    ],
)
def test_what_is_wrong_for_every_network_is_wrong_usage(repository, comment, arguments):
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()

    status, out, err = comment(*arguments)

    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_the_same_file_has_the_same_hash_as_anywhere(repository, document):
    repository.mlp("nets/one.json", *WIDER)
    repository.commit()

    (change,) = document()["networks"]

    sha256 = read_network(repository.folder / "nets" / "one.json").sha256
    assert change["head"]["sha256"] == sha256
