"""Files are read in every supported form, and hostile ones refused in one sentence."""

import hashlib
import io
import json
import math
import os
import socket
import struct
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.counting import count_network
from predictor.errors import ArchitectureError, InputFileError, PredictorError
from predictor.readers import read_network, read_network_description
from predictor.readers.limits import LARGEST_FILE_BYTES
from tests.predictor.networks import functional, layer, sequential, tensor

NETWORKS = Path(__file__).parents[2] / "data" / "networks"
SAMPLES = sorted(NETWORKS.glob("*.json"))
SMALL = sequential((4,), layer("Dense", units=3))


def archive(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_sample_networks_are_read_and_counted(path):
    network = read_network(path)

    assert network.format == "keras-json"
    assert network.architecture.name.startswith(path.stem.rstrip("0123456789")[:6])
    assert count_network(network.architecture).macs > 0


def test_a_file_and_its_parsed_json_are_the_same_network(tmp_path):
    path = written(tmp_path / "net.json", json.dumps(SMALL, indent=4))

    from_file, from_mapping = read_network(path), read_network(SMALL)

    assert from_file.sha256 == from_mapping.sha256
    assert from_file.description == SMALL


def test_the_hash_is_that_of_the_canonical_json():
    canonical = json.dumps(SMALL, sort_keys=True, separators=(",", ":"))

    expected = hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    assert read_network(SMALL).sha256 == expected


def test_an_archive_gives_the_network_of_its_config(tmp_path):
    members = {"metadata.json": "{}", "config.json": json.dumps(SMALL)}
    path = archive(tmp_path / "net.keras", members)

    network = read_network(path)

    assert network.format == "keras-archive"
    assert network.sha256 == read_network(SMALL).sha256


def test_an_archive_may_be_larger_than_a_description(tmp_path):
    path = tmp_path / "net.keras"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE_BYTES + 1)  # a hole in the file takes no space
        file.seek(0)
        file.write(b"PK\3\4")
        file.seek(0, io.SEEK_END)
        with zipfile.ZipFile(file, "w") as zipped:
            zipped.writestr("config.json", json.dumps(SMALL))

    assert read_network(path).format == "keras-archive"


def test_a_byte_order_mark_is_accepted(tmp_path):
    path = written(tmp_path / "net.json", b"\xef\xbb\xbf" + json.dumps(SMALL).encode())

    assert read_network(path).sha256 == read_network(SMALL).sha256


def test_json_written_twice_is_accepted(tmp_path):
    path = written(tmp_path / "net.json", json.dumps(json.dumps(SMALL)))

    assert read_network(path).sha256 == read_network(SMALL).sha256


@pytest.mark.parametrize(
    "description",
    [
        {"class_name": "Sequential", "config": SMALL["config"]["layers"]},
        SMALL["config"],
        {
            "class_name": "Sequential",
            "config": {"layers": [layer("Dense", units=3, input_shape=[4])]},
        },
        {
            "class_name": "Sequential",
            "config": {"layers": [layer("Dense", units=3, batch_input_shape=[2, 4])]},
        },
        {
            "class_name": "Sequential",
            "config": {"layers": [layer("Dense", units=3)]},
            "build_config": {"input_shape": [None, 4]},
        },
        {
            "class_name": "Sequential",
            "config": {
                "layers": [layer("Dense", units=3)],
                "build_input_shape": [1, 4],
            },
        },
        {"class_name": "Sequential", "config": {"layers": [SMALL]}},
        functional({"d": (layer("Dense", units=3), [[tensor("x")]])}, [["d", 0, 0]]),
        functional({"d": (layer("Dense", units=3), [[tensor("x")]])}, ["d", 0, 0]),
        functional(
            {"d": (layer("Dense", units=3), [[tensor("x")]])}, {"y": ["d", 0, 0]}
        ),
        functional({"d": (layer("Dense", units=3), [[[tensor("x")]]])}, None),
    ],
)
def test_every_form_of_the_same_network_counts_the_same(description):
    counted = count_network(read_network_description(description))

    assert (counted.params, counted.macs) == (15, 12)
    assert counted.input_shapes == ((4,),)


def test_connections_as_keras_2_wrote_them_are_read():
    description = functional({}, [["add", 0, 0]], shape=(4,))
    inner = sequential((4,), layer("Dense", units=4))
    description["config"]["layers"] += [
        layer("Dense", units=4) | {"name": "d", "inbound_nodes": [[["x", 0, 0, {}]]]},
        inner | {"name": "n", "inbound_nodes": [[["d", 0, 0, {}]]]},
        layer("Add")
        | {"name": "add", "inbound_nodes": [[["d", 0, 0, {}], ["n", 1, 0, {}]]]},
    ]

    assert count_network(read_network_description(description)).params == 40


def test_the_order_of_the_layers_in_the_file_does_not_matter():
    layers = {
        "a": (layer("Dense", units=3), [[tensor("x")]]),
        "b": (layer("Dense", units=5), [[tensor("a")]]),
        "c": (layer("Dense", units=7), [[tensor("b")]]),
    }
    turned = dict(reversed(layers.items()))

    one = count_network(read_network_description(functional(layers, [["c", 0, 0]])))
    other = count_network(read_network_description(functional(turned, [["c", 0, 0]])))

    assert one == other


def test_layers_that_no_output_needs_are_left_out_as_keras_does():
    layers = {
        "used": (layer("Dense", units=3), [[tensor("x")]]),
        "idle": (layer("Dense", units=5), [[tensor("x")]]),
    }

    counted = count_network(
        read_network_description(functional(layers, [["used", 0, 0]]))
    )

    assert [one.name for one in counted.layers] == ["used"]


def dense(call, **changes):
    described = {"d": (layer("Dense", units=3) | changes, [call])}
    return functional(described, [["d", 0, 0]])


MALFORMED = {
    "not a network": ({"class_name": "Dense", "config": {"units": 3}}, "Dense"),
    "no class name": ({}, "has no class_name"),
    "subclassed": ({"class_name": "MyModel", "config": {}}, "functional API"),
    "no config": ({"class_name": "Sequential"}, "no 'config'"),
    "no layers": ({"class_name": "Sequential", "config": {"layers": []}}, "'layers'"),
    "layer is text": (sequential((4,), "Dense"), "must be an object"),
    "no kind": (sequential((4,), {"config": {}}), "'class_name' must be text"),
    "config is text": (sequential((4,), layer("Dense") | {"config": "x"}), "'config'"),
    "trainable is text": (sequential((4,), layer("ReLU", trainable="no")), "trainable"),
    "name is a number": (sequential((4,), layer("ReLU", 7)), "'name' must be text"),
    "long name": (sequential((4,), layer("ReLU", "n" * 10_000)), "10000 characters"),
    "lone surrogate": (sequential((4,), layer("ReLU", "\ud800")), "Unicode"),
    "second input": (sequential((4,), layer("InputLayer")), "is not the first"),
    "unknown source": (dense([tensor("nowhere")]), "'nowhere', which does not exist"),
    "unknown use": (dense([tensor("x", 3)]), "use 3 of layer 'x'"),
    "negative use": (dense([tensor("x", -1)]), "use -1 of layer 'x'"),
    "unknown output": (dense([tensor("x", 0, 2)]), "output 2 of a layer that has 1"),
    "negative output": (dense([tensor("x", 0, -1)]), "connected to use"),
    "own output": (dense([tensor("d")]), "depends on its own output"),
    "no source": (dense([]), "without an input tensor"),
    "constant only": (dense([1.0]), "without an input tensor"),
    "bad history": (dense([tensor(None)]), "must be [name, node, output]"),
    "mixed list": (dense([[tensor("x"), 1.0]]), "holds the constant"),
    "inbound is text": (
        functional({"d": (layer("Dense", units=3), [])}, [["d", 0, 0]])
        | {"class_name": "Functional"},
        "is used 0 times",
    ),
    "bad shape": (sequential(("a",), layer("ReLU")), "must be an integer"),
    "fractional shape": (sequential((3.7,), layer("ReLU")), "must be an integer"),
    "true as shape": (sequential((True,), layer("ReLU")), "must be an integer"),
    "zero as shape": (sequential((0,), layer("ReLU")), "must be 1 to 2**63-1"),
    "many axes": (sequential((1,) * 40, layer("ReLU")), "40 axes"),
}


@pytest.mark.parametrize(
    ("description", "message"), MALFORMED.values(), ids=list(MALFORMED)
)
def test_a_malformed_description_is_refused_in_one_sentence(description, message):
    with pytest.raises(ArchitectureError) as info:
        count_network(read_network_description(description))

    assert message in str(info.value)
    assert "\n" not in str(info.value)
    assert len(str(info.value)) < 500


def test_two_layers_of_one_name_are_refused():
    description = functional({"d": (layer("ReLU"), [[tensor("x")]])}, [["d", 0, 0]])
    description["config"]["layers"].append(description["config"]["layers"][1])

    with pytest.raises(ArchitectureError, match="two layers named 'd'"):
        read_network_description(description)


def test_more_than_100_000_layers_are_refused():
    one = layer("ReLU")

    with pytest.raises(ArchitectureError, match="more than 100000 layers"):
        read_network_description(sequential((4,), *[one] * 100_001))


VALID = json.dumps(SMALL)
HOSTILE = {
    "empty": (b"", "the file is empty"),
    "spaces": (b"  \n ", "no valid JSON"),
    "cut off": (VALID[: len(VALID) // 2], "no valid JSON at line 1, column"),
    "several lines": ('{\n"a":\n}', "line 3, column 1"),
    "no JSON": ("hello", "no valid JSON at line 1, column 1"),
    "a list": ("[1, 2]", "no JSON object"),
    "a number": ("3", "no JSON object"),
    "null": ("null", "no JSON object"),
    "key twice": ('{"class_name": "Model", "class_name": "Model"}', "stands twice"),
    "NaN": ('{"a": NaN}', "the number NaN is not allowed"),
    "Infinity": ('{"a": [-Infinity]}', "the number -Infinity is not allowed"),
    "1e400": ('{"a": 1e400}', "1e400 is too large"),
    "-1e400": ('{"a": -1e400}', "-1e400 is too large"),
    "5,000 digits": ('{"a": ' + "9" * 5000 + "}", "thousands of digits"),
    "invalid UTF-8": (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "101 levels": ("[" * 101 + "]" * 101, "nested deeper than 100"),
    "1,000 levels": ('{"a":' * 1000 + "1" + "}" * 1000, "nested deeper than 100"),
    "200,000 levels": ("[" * 200_000, ""),
    "200,000 closed levels": ("[" * 200_000 + "]" * 200_000, "nested deeper"),
    "null bytes": (b"\0" * 100, "no valid JSON"),
    "pickle": (b"\x80\x04\x95", "pickle"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "save the model as .keras"),
    "gzip": (b"\x1f\x8b\x08", "gzip"),
    "zip, cut off": (b"PK\3\4" + bytes(50), "damaged"),
    "zip, text": (b"PK hello", "damaged"),
}


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_file_is_refused_in_one_sentence_at_once(tmp_path, content, message):
    path = written(tmp_path / "net.json", content)
    started = time.process_time()

    with pytest.raises(InputFileError) as info:
        read_network(path)

    assert time.process_time() - started < 2
    assert str(info.value).startswith(f"cannot read {os.fspath(path)!r}")
    assert message in str(info.value)
    assert "\n" not in str(info.value)
    assert info.value.exit_status == 4


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputFileError, match="No such file"):
        read_network(tmp_path / "none.json")


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(InputFileError, match="not a regular file"):
        read_network(tmp_path)


def test_a_path_with_a_null_character_is_refused():
    with pytest.raises(InputFileError, match="cannot read"):
        read_network("net\0.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InputFileError, match="not a regular file"):
        read_network(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_a_device_is_refused():
    with pytest.raises(InputFileError, match="not a regular file"):
        read_network("/dev/zero")


def test_a_file_above_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "net.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: reading it would take minutes and a terabyte
    started = time.process_time()

    with pytest.raises(InputFileError, match="larger than 64 MiB"):
        read_network(path)

    assert time.process_time() - started < 1


def test_an_archive_that_unpacks_to_a_gigabyte_is_refused(tmp_path):
    path = tmp_path / "net.keras"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped,
        zipped.open("config.json", "w") as member,
    ):
        for _ in range(80):
            member.write(b" " * 2**20)

    with pytest.raises(InputFileError, match=r"config.json is larger than 64 MiB"):
        read_network(path)


def test_an_archive_without_a_config_is_refused(tmp_path):
    path = archive(tmp_path / "net.keras", {"other.json": "{}"})

    with pytest.raises(InputFileError, match=r"has no config.json"):
        read_network(path)


def test_an_archive_with_a_huge_directory_is_refused(tmp_path):
    path = archive(tmp_path / "net.keras", {f"{n:0>60}": "" for n in range(20_000)})

    with pytest.raises(InputFileError, match="directory is larger"):
        read_network(path)


def test_an_archive_that_declares_a_huge_directory_is_refused(tmp_path):
    path = archive(tmp_path / "net.keras", {"config.json": VALID})
    content = bytearray(path.read_bytes())
    content[-10:-6] = struct.pack("<I", 2**31)
    path.write_bytes(content)

    with pytest.raises(InputFileError):
        read_network(path)


def test_an_archive_with_a_changed_byte_is_refused(tmp_path):
    path = archive(tmp_path / "net.keras", {"config.json": VALID})
    content = path.read_bytes().replace(b"Dense", b"Denze", 1)
    path.write_bytes(content)

    with pytest.raises(InputFileError, match="damaged"):
        read_network(path)


def test_an_encrypted_archive_is_refused(tmp_path):
    path = archive(tmp_path / "net.keras", {"config.json": VALID})
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\1\2")
    content[6] |= 1
    content[entry + 8] |= 1
    path.write_bytes(content)

    with pytest.raises(InputFileError, match="encrypted"):
        read_network(path)


def test_numbers_that_are_no_json_are_refused_in_a_mapping():
    with pytest.raises(ArchitectureError, match="is not JSON"):
        read_network(sequential((4,), layer("Dropout", rate=math.nan)))


def test_reading_a_hostile_network_opens_no_socket(monkeypatch, tmp_path):
    def refuse(*_args, **_options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    hostile = layer("Lambda", function="keras.datasets.mnist.load_data")

    with pytest.raises(ArchitectureError, match="Lambda"):
        count_network(read_network_description(sequential((4,), hostile)))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.sampled_from([2**62, 2**63, 2**64, -(2**63), 10**400])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["same", "valid", "relu", "channels_first", "Dense", "x"]),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(st.text(max_size=5), inside, max_size=3)
    ),
    max_leaves=6,
)


def places(value, path=()):
    """Return the path of every value inside a description."""
    found = [path] if path else []
    items = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, inside in items:
        found += places(inside, (*path, key))
    return found


def changed(value, path, new):
    """Return a description in which one value is another."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


EVERY_KIND = [
    sequential(
        (12, 10, 6),
        layer("Conv2D", "a", filters=6, kernel_size=[3, 3], strides=1, padding="same"),
        layer("BatchNormalization", "b", axis=-1, scale=True),
        layer("DepthwiseConv2D", "c", kernel_size=3, depth_multiplier=1),
        layer("Conv2DTranspose", "e", filters=4, kernel_size=2, output_padding=None),
        layer("MaxPooling2D", "f", pool_size=2, strides=None),
        layer("ZeroPadding2D", "g", padding=[[1, 1], [0, 2]]),
        layer("Cropping2D", "h", cropping=[[1, 0], [0, 1]]),
        layer("UpSampling2D", "i", size=2, interpolation="nearest"),
        layer("PReLU", "j", shared_axes=[1, 2]),
        layer("GroupNormalization", "k", groups=2),
        layer("Dropout", "l", rate=0.5),
        layer("Permute", "m", dims=[3, 1, 2]),
        layer("Reshape", "n", target_shape=[-1, 4]),
        layer("EinsumDense", "o", equation="abc,cd->abd", output_shape=[None, 3]),
        layer("TimeDistributed", "p", layer=layer("Dense", units=3)),
        layer("Bidirectional", "q", layer=layer("LSTM", units=3)),
        layer("Activation", "r", activation="relu"),
    ),
    functional(
        {
            "a": (layer("Dense", units=4), [[tensor("x")], [tensor("y")]]),
            "b": (
                {"class_name": "Add", "module": "keras.src.ops.numpy"} | {"config": {}},
                [[tensor("a"), 2.0]],
            ),
            "c": (layer("Concatenate", axis=-1), [[[tensor("a", 1), tensor("b")]]]),
            "d": (layer("Dot", axes=-1), [[[tensor("c"), tensor("c")]]]),
            "e": (
                layer("MultiHeadAttention", num_heads=2, key_dim=3),
                [[tensor("c"), tensor("b")]],
            ),
            "f": (
                {"class_name": "GetItem", "module": "keras.src.ops.numpy"}
                | {"config": {}},
                [
                    [
                        tensor("e"),
                        [
                            {"class_name": "__slice__", "config": {"start": None}},
                            {
                                "class_name": "__slice__",
                                "config": {"start": 1, "step": 2},
                            },
                        ],
                    ]
                ],
            ),
            "g": (
                {
                    "class_name": "Reshape",
                    "module": "keras.src.ops.numpy",
                    "config": {"newshape": [-1, 8, 2]},
                },
                [[tensor("f")]],
            ),
            "n": (sequential((8, 2), layer("Dense", units=2)), [[tensor("g")]]),
        },
        [["n", 0, 0], ["d", 0, 0]],
        inputs=("x", "y"),
        shape=(5, 4),
    ),
]


@pytest.mark.parametrize("description", EVERY_KIND)
def test_the_networks_to_be_damaged_are_valid(description):
    assert count_network(read_network_description(description)).params > 0


@settings(max_examples=1500, deadline=None)
@given(st.data())
def test_a_damaged_description_is_counted_or_refused_by_a_documented_error(data):
    description = data.draw(st.sampled_from(EVERY_KIND))
    for _ in range(data.draw(st.integers(1, 2))):
        paths = places(description)
        if paths:
            path = data.draw(st.sampled_from(paths))
            description = changed(description, path, data.draw(VALUES))

    try:
        counted = count_network(read_network_description(description))
    except PredictorError:
        return
    assert counted.params >= 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(VALID)))
def test_damaged_bytes_are_read_or_refused_by_a_documented_error(
    tmp_path_factory, noise, place
):
    content = VALID.encode()
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_bytes(content[:place] + noise + content[place + len(noise) :])

    try:
        network = read_network(path)
    except PredictorError:
        return
    assert network.format == "keras-json"
