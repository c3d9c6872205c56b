"""A fitted model on disk is read back exactly, or refused."""

import hashlib
import io
import json
import shutil
import zipfile

import numpy as np
import pytest

from predictor.artefact import ARRAYS, MANIFEST, digest_of, load_model
from predictor.dataset import step_table
from predictor.errors import FeatureMismatchError, ModelFileError


@pytest.fixture
def copy(model_folder, tmp_path):
    return shutil.copytree(model_folder, tmp_path / "copy")


def resign(folder, **changes):
    """Change the manifest as an attacker would, with a digest that fits."""
    path = folder / MANIFEST
    manifest = {**json.loads(path.read_text()), **changes}
    del manifest["digest"]
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(manifest))


def replace_arrays(folder, content):
    (folder / ARRAYS).write_bytes(content)
    resign(folder, arrays_sha256=hashlib.sha256(content).hexdigest())


def arrays_of(folder):
    with np.load(folder / ARRAYS) as stored:
        return dict(stored)


def packed(arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def test_a_model_read_back_predicts_the_same(fitted, model_folder, measurements):
    table = step_table(measurements)

    restored = load_model(model_folder)

    for target, model in fitted.steps.items():
        assert np.array_equal(
            restored.steps[target].predict(table), model.predict(table)
        )
        assert restored.steps[target].chosen == model.chosen
    assert restored.platform == fitted.platform
    assert restored.rows == fitted.rows


def test_the_digest_names_the_content(model_folder, copy):
    assert digest_of(model_folder) == digest_of(copy)

    resign(copy, rows=1)

    assert digest_of(model_folder) != digest_of(copy)


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS])
def test_a_missing_file_is_refused(copy, name):
    (copy / name).unlink()

    with pytest.raises(ModelFileError, match="no such file"):
        load_model(copy)


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS])
def test_a_truncated_file_is_refused(copy, name):
    content = (copy / name).read_bytes()
    for kept in (0, 1, len(content) // 2, len(content) - 1):
        (copy / name).write_bytes(content[:kept])

        if name == MANIFEST and kept == len(content) - 1:
            load_model(copy)  # only the last line break is gone
            continue
        with pytest.raises(ModelFileError):
            load_model(copy)


def test_an_altered_manifest_is_refused(copy):
    path = copy / MANIFEST
    path.write_text(path.read_text().replace('"rows": ', '"rows": 1'))

    with pytest.raises(ModelFileError, match="altered"):
        load_model(copy)


def test_an_unknown_format_version_is_refused(copy):
    resign(copy, format_version=99)

    with pytest.raises(ModelFileError, match="format version 99"):
        load_model(copy)


def test_other_features_are_refused(copy):
    resign(copy, feature_names=["color"])

    with pytest.raises(FeatureMismatchError):
        load_model(copy)


def test_changed_numbers_are_caught_by_the_stored_example(copy, fitted):
    arrays = arrays_of(copy)
    for name in list(arrays):
        if name.endswith(("prices", "trees.value", "coefficients")):
            arrays[name] = arrays[name] * 1.01
    replace_arrays(copy, packed(arrays))

    with pytest.raises(ModelFileError, match="example"):
        load_model(copy)


def test_a_cyclic_tree_is_refused(copy):
    arrays = arrays_of(copy)
    for name in arrays:
        if name.endswith("trees.left"):
            arrays[name] = np.where(arrays[name] >= 0, 0, arrays[name])
    replace_arrays(copy, packed(arrays))

    with pytest.raises(ModelFileError, match="damaged"):
        load_model(copy)


def test_an_archive_of_zeros_is_refused_before_it_is_unpacked(copy):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", b"\x00" * 80_000_000)
    replace_arrays(copy, buffer.getvalue())

    with pytest.raises(ModelFileError):
        load_model(copy)


def test_a_header_that_lies_is_refused(copy):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("power_residuals.npy", header.getvalue())
    replace_arrays(copy, buffer.getvalue())

    with pytest.raises(ModelFileError, match="size"):
        load_model(copy)


def test_objects_are_refused(copy):
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    archive_bytes = io.BytesIO()
    with zipfile.ZipFile(archive_bytes, "w") as archive:
        archive.writestr("power_residuals.npy", buffer.getvalue())
    replace_arrays(copy, archive_bytes.getvalue())

    with pytest.raises(ModelFileError):
        load_model(copy)
