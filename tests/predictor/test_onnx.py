"""ONNX files are counted like the same network in Keras' JSON, without weights."""

import builtins
import contextlib
import random
import resource
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import predictor
from predictor.cli import main
from predictor.counting import count_network
from predictor.errors import (
    ArchitectureError,
    InputFileError,
    MissingExtraError,
    PredictorError,
    UnsupportedLayerError,
)
from predictor.readers import Request, read_network
from predictor.readers.onnx_skim import LARGEST_PAYLOAD
from tests.predictor.networks import layer, sequential

FLOAT = TensorProto.FLOAT


def weight(name, *shape):
    return numpy_helper.from_array(np.ones(shape, dtype=np.float32), name)


def numbers(name, *values):
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs.split(), output.split(), output, **attributes)


def model(nodes, weights, shape, *, out="y", opset=17, batch="N"):
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", FLOAT, [batch, *shape])],
        [helper.make_tensor_value_info(out, FLOAT, None)],
        initializer=weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def dense_net(**settings):
    nodes = [
        node("Gemm", "x w b", "h", transB=1),
        node("Relu", "h", "r"),
        node("MatMul", "r v", "m"),
        node("Add", "m c", "y"),
    ]
    weights = [weight("w", 6, 4), weight("b", 6), weight("v", 6, 3), weight("c", 3)]
    return model(nodes, weights, [4], **settings)


def conv(name, filters, channels, *window, groups=1, **attributes):
    weights = [weight(f"{name}_w", filters, channels // groups, *window)]
    weights.append(weight(f"{name}_b", filters))
    return weights, attributes | ({"group": groups} if groups > 1 else {})


def image_net():
    first, one = conv("first", 8, 3, 3, 3, strides=[2, 2])
    deep, two = conv("deep", 8, 8, 3, 3, groups=8)
    grouped, three = conv("grouped", 12, 8, 1, 1, groups=2)
    turned = [weight("turned_w", 12, 5, 2, 2), weight("turned_b", 5)]
    norm = [weight(f"norm_{name}", 5) for name in ("scale", "shift", "mean", "var")]
    nodes = [
        node("Conv", "x first_w first_b", "a", **one),
        node("Sigmoid", "a", "b"),
        node("Conv", "b deep_w deep_b", "c", **two),
        node("MaxPool", "c", "d", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "d grouped_w grouped_b", "e", **three),
        node("ConvTranspose", "e turned_w turned_b", "f", strides=[2, 2]),
        node("BatchNormalization", "f norm_scale norm_shift norm_mean norm_var", "g"),
        node("AveragePool", "g", "h", kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", "h", "i"),
        node("Flatten", "i", "y"),
    ]
    return model(nodes, [*first, *deep, *grouped, *turned, *norm], [3, 33, 33])


DENSE_JSON = sequential(
    (4,),
    layer("Dense", units=6, activation="relu"),
    layer("Dense", units=3),
)
IMAGE_JSON = sequential(
    (33, 33, 3),
    layer("Conv2D", filters=8, kernel_size=3, strides=2, activation="sigmoid"),
    layer("DepthwiseConv2D", kernel_size=3),
    layer("MaxPooling2D"),
    layer("Conv2D", filters=12, kernel_size=1, groups=2),
    layer("Conv2DTranspose", filters=5, kernel_size=2, strides=2),
    layer("BatchNormalization"),
    layer("AveragePooling2D"),
    layer("GlobalAveragePooling2D"),
)


@pytest.fixture
def saved(tmp_path):
    def save(built, name="net.onnx"):
        path = tmp_path / name
        path.write_bytes(
            built if isinstance(built, bytes) else built.SerializeToString()
        )
        return path

    return save


def counts(source, **request):
    return count_network(read_network(source, Request(**request)).architecture)


def work(count):
    """Return what costs: operations that multiply, sweep or pool, by kind."""
    found = {}
    for one in count.layers:
        for operation in (*one.forward, *one.backward):
            if operation.kind == "elementwise":
                continue  # ONNX adds the bias of a product apart
            key = operation.kind, operation.phase
            known = found.setdefault(key, [0, 0, 0])
            for place, amount in enumerate(
                (operation.macs, operation.written, operation.positions)
            ):
                known[place] += amount
    return found


@pytest.mark.parametrize(
    ("built", "described"),
    [(dense_net(), DENSE_JSON), (image_net(), IMAGE_JSON)],
    ids=["dense", "image"],
)
def test_it_counts_what_keras_json_counts(saved, built, described):
    expected = counts(described)

    found = counts(saved(built))

    assert found.params == expected.params
    assert found.trainable_params == expected.trainable_params
    assert found.macs == expected.macs
    assert work(found) == work(expected)


def attention_net():
    """Scores of 4 heads of 8 over 16 positions, as torch writes them."""
    weights = [weight(name, 32, 32) for name in ("q", "k", "v", "o")]
    weights += [numbers("apart", 0, 16, 4, 8), numbers("joined", 0, 16, 32)]
    nodes = [
        *(node("MatMul", f"x {name}", f"{name}1") for name in ("q", "k", "v")),
        *(node("Reshape", f"{name}1 apart", f"{name}2") for name in ("q", "k", "v")),
        node("Transpose", "q2", "q3", perm=[0, 2, 1, 3]),
        node("Transpose", "k2", "k3", perm=[0, 2, 3, 1]),
        node("Transpose", "v2", "v3", perm=[0, 2, 1, 3]),
        node("MatMul", "q3 k3", "s"),
        node("Softmax", "s", "t", axis=-1),
        node("MatMul", "t v3", "u"),
        node("Transpose", "u", "u1", perm=[0, 2, 1, 3]),
        node("Reshape", "u1 joined", "u2"),
        node("MatMul", "u2 o", "y"),
    ]
    return model(nodes, weights, [16, 32])


def test_attention_counts_as_the_layer_of_keras(saved):
    described = layer("MultiHeadAttention", num_heads=4, key_dim=8, use_bias=False)
    keras = {
        "class_name": "Functional",
        "config": {
            "name": "net",
            "layers": [
                layer("InputLayer", "x", batch_shape=[None, 16, 32])
                | {"name": "x", "inbound_nodes": []},
                described
                | {"name": "a", "inbound_nodes": [[["x", 0, 0, {}], ["x", 0, 0, {}]]]},
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["a", 0, 0]],
        },
    }

    found, expected = counts(saved(attention_net())), counts(keras)

    assert found.params == expected.params
    assert found.macs == expected.macs


@pytest.mark.parametrize(
    ("kind", "gates", "described"), [("LSTM", 4, "LSTM"), ("RNN", 1, "SimpleRNN")]
)
def test_recurrent_operators_count_as_the_layer_of_keras(saved, kind, gates, described):
    weights = [weight("w", 1, gates * 6, 5), weight("r", 1, gates * 6, 6)]
    weights.append(numbers("first", 1))
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node(kind, "t w r", "s", hidden_size=6),
        node("Squeeze", "s first", "y"),
    ]
    expected = counts(
        sequential(
            (7, 5), layer(described, units=6, use_bias=False, return_sequences=True)
        )
    )

    found = counts(saved(model(nodes, weights, [7, 5])))

    assert (found.params, found.macs) == (expected.params, expected.macs)


def test_weights_are_not_read(saved, tmp_path):
    wide = 3000
    built = model([node("MatMul", "x w", "y")], [weight("w", wide, wide)], [wide])
    path = saved(built)
    whole = path.stat().st_size
    count = counts(path)
    file = read_network(path)

    assert count.params == wide * wide
    assert whole > 4 * wide * wide
    assert file.format == "onnx"


def test_the_hash_tells_networks_apart_and_not_their_weights(saved):
    one, same = dense_net(), dense_net()
    long = np.full((60, 60), 7.0, dtype=np.float32)
    for built, values in ((one, long), (same, long + 1)):
        built.graph.initializer.append(numpy_helper.from_array(values, "spare"))
    assert long.nbytes > LARGEST_PAYLOAD

    hashes = [read_network(saved(built)).sha256 for built in (one, same, image_net())]

    assert hashes[0] == hashes[1] != hashes[2]


def test_sizes_left_open_are_given(saved):
    weights, attributes = conv("c", 4, 3, 3, 3)
    nodes = [node("Conv", "x c_w c_b", "y", **attributes)]
    path = saved(model(nodes, weights, [3, "height", "width"]))

    with pytest.raises(ArchitectureError, match="a size is height, got none"):
        counts(path)
    assert counts(path, input_shapes=((3, 10, 12),)).macs == 8 * 10 * 27 * 4


def test_shapes_worked_out_from_shapes_are_known(saved):
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n"),
        node("Unsqueeze", "n axis", "m"),
        node("Concat", "m rest", "t", axis=0),
        node("Reshape", "x t", "r"),
        node("MatMul", "r w", "y"),
    ]
    weights = [
        numpy_helper.from_array(np.array(0, dtype=np.int64), "zero"),
        numbers("axis", 0),
        numbers("rest", 6, 2),
        weight("w", 2, 5),
    ]

    found = counts(saved(model(nodes, weights, [12])))

    assert found.macs == 6 * 2 * 5
    assert [one.kind for one in found.layers] == ["onnx.Reshape", "onnx.MatMul"]


def test_a_conversion_that_changes_nothing_costs_nothing(saved):
    nodes = [
        node("Cast", "x", "same", to=FLOAT),
        node("Cast", "same", "half", to=TensorProto.FLOAT16),
        node("Cast", "half", "full", to=FLOAT),
        node("Relu", "full", "y"),
    ]

    kinds = [one.kind for one in counts(saved(model(nodes, [], [4]))).layers]

    assert kinds == ["onnx.Cast", "onnx.Cast", "onnx.Relu"]


@pytest.mark.parametrize("name", ["operands", "weights", "output_shapes"])
def test_an_attribute_cannot_pass_for_what_was_read(saved, name):
    nodes = [node("MatMul", "x w", "y", **{name: 5})]

    with contextlib.suppress(ArchitectureError):
        assert counts(saved(model(nodes, [weight("w", 4, 4)], [4]))).macs == 16


def test_a_shared_weight_counts_once(saved):
    nodes = [node("MatMul", "x w", "h"), node("MatMul", "h w", "y")]

    found = counts(saved(model(nodes, [weight("w", 4, 4)], [4])))

    assert (found.params, found.macs) == (16, 32)


def test_training_costs_more_than_inference(saved):
    path = saved(image_net())
    energies = [
        predictor.estimate(
            path, workload=predictor.Workload(mode=mode)
        ).energy_j.estimate
        for mode in ("inference", "training")
    ]

    assert energies[0] < energies[1]


def test_an_operator_without_a_rule_is_named(saved):
    built = model([node("NonMaxSuppression", "x x", "y")], [], [4, 4])
    foreign = model([node("Magic", "x", "y")], [], [4])
    foreign.graph.node[0].domain = "my.own"
    foreign.opset_import.append(helper.make_opsetid("my.own", 1))
    del foreign.graph.output[:]
    foreign.graph.output.append(helper.make_tensor_value_info("y", FLOAT, [1, 4]))

    with pytest.raises((UnsupportedLayerError, ArchitectureError)):
        counts(saved(built))
    with pytest.raises(ArchitectureError, match=r"Magic|cannot be known"):
        counts(saved(foreign))


@pytest.mark.parametrize(
    ("built", "message"),
    [
        (dense_net(opset=12), "operator sets before 13"),
        (dense_net(batch=8), "fixed to batches of 8"),
        (
            model([node("MatMul", "x w", "y")], [weight("w", 5, 5)], [4]),
            "cannot be known",
        ),
        (model([node("Relu", "gone", "y")], [], [4]), "which nothing makes|do not fit"),
        (
            model([node("Identity", "w", "y")], [weight("w", 4)], [4]),
            "no output of the graph depends on an input",
        ),
    ],
)
def test_a_graph_that_cannot_be_counted_says_why(saved, built, message):
    with pytest.raises(ArchitectureError, match=message):
        counts(saved(built))


def test_a_missing_package_is_named(saved, monkeypatch):
    path = saved(dense_net())
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnx"]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def absent(name, *rest, **settings):
        if name.partition(".")[0] == "onnx":
            raise ImportError(name)
        return real(name, *rest, **settings)

    monkeypatch.setattr(builtins, "__import__", absent)

    with pytest.raises(MissingExtraError, match="pip install onnx"):
        read_network(path)


def test_a_rule_for_onnx_is_no_layer_of_keras():
    with pytest.raises(ArchitectureError, match="no layer of Keras"):
        counts(sequential((4,), layer("onnx.Relu")))


@pytest.mark.parametrize("name", ["dense", "image", "attention"])
def test_damaged_files_are_counted_or_refused_by_a_documented_error(saved, name):
    built = {"dense": dense_net, "image": image_net, "attention": attention_net}[name]()
    whole = built.SerializeToString()
    chance = random.Random(name)
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.3:
            del damaged[chance.randrange(len(damaged)) :]
        with contextlib.suppress(PredictorError):
            counts(saved(bytes(damaged) or b"\x08"))


@pytest.mark.parametrize(
    "content",
    [
        b"\x08" * 9,
        b"\x08\x07\x3a\xff\xff\xff\xff\x0f",  # a graph of 4 GB in ten bytes
        b"\x08\x07" + b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x08\x07\x3a\x00",
        b"\x08" + b"\xff" * 30,
        b"\x08\x07\x3b",
    ],
)
def test_nonsense_is_refused_in_one_sentence(saved, content, capsys):
    status = main(["inspect", str(saved(content))])

    assert status == 4
    assert "as ONNX" in capsys.readouterr().err


def test_a_file_that_declares_huge_tensors_needs_no_memory(saved):
    huge = TensorProto(name="w", data_type=FLOAT, dims=[2**31, 2**31])
    filled = model(
        [
            node("ConstantOfShape", "size", "z"),
            node("ReduceSum", "z", "s", keepdims=0),
            node("MatMul", "x w", "h"),
            node("Add", "h s", "y"),
        ],
        [huge, numbers("size", 2**40, 2**20)],
        [2**31],
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    found = counts(saved(filled))

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert found.params == 2**62
    assert grown_kib < 64 * 1024


def test_data_beside_the_file_is_not_opened(saved, monkeypatch):
    built = dense_net()
    outside = built.graph.initializer[0]
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/passwd")
    path = saved(built)
    opened = []
    real = builtins.open
    monkeypatch.setattr(
        builtins,
        "open",
        lambda file, *a, **k: opened.append(file) or real(file, *a, **k),
    )

    assert counts(path).params == counts(DENSE_JSON).params
    assert "/etc/passwd" not in map(str, opened)


def test_a_file_that_is_too_deep_is_refused(saved):
    inside = b""
    for _ in range(200):
        attribute = b"\x32" + _length(inside) + inside  # a graph in an attribute
        node_ = b"\x2a" + _length(attribute) + attribute
        inside = b"\x0a" + _length(node_) + node_
    content = b"\x08\x07\x3a" + _length(inside) + inside

    with pytest.raises(InputFileError, match="nested deeper"):
        read_network(saved(content))


def _length(content):
    number, found = len(content), bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def test_onnx_itself_agrees_that_the_networks_are_valid():
    for built in (dense_net(), image_net(), attention_net()):
        onnx.checker.check_model(onnx.shape_inference.infer_shapes(built))


def kinds_of(built, saved):
    return [one.kind.removeprefix("onnx.") for one in counts(saved(built)).layers]


def test_a_product_and_its_bias_are_one_operator(saved):
    nodes = [node("MatMul", "x w", "m"), node("Add", "b m", "y")]
    weights = [weight("w", 4, 3), weight("b", 3)]

    assert kinds_of(model(nodes, weights, [4]), saved) == ["Gemm"]


@pytest.mark.parametrize(
    ("kind", "other"), [("Add", "c"), ("Add", "m"), ("Sub", "b"), ("Mul", "b")]
)
def test_what_is_no_bias_stays_an_operator_of_its_own(saved, kind, other):
    nodes = [node("MatMul", "x w", "m"), node(kind, f"m {other}", "y")]
    weights = [weight("w", 4, 3), weight("b", 3), weight("c", 5, 3)]

    assert kinds_of(model(nodes, weights, [4]), saved) == ["MatMul", kind]


def test_a_product_that_others_take_too_keeps_its_result(saved):
    nodes = [
        node("MatMul", "x w", "m"),
        node("Add", "m b", "a"),
        node("Mul", "m a", "y"),
    ]
    weights = [weight("w", 4, 3), weight("b", 3)]

    found = kinds_of(model(nodes, weights, [4]), saved)

    assert found == ["MatMul", "Add", "Mul"]


def test_something_times_its_sigmoid_is_one_operator(saved):
    nodes = [node("Sigmoid", "x", "s"), node("Mul", "x s", "y")]

    assert kinds_of(model(nodes, [], [4]), saved) == ["Swish"]


def test_something_times_another_sigmoid_is_two(saved):
    nodes = [
        node("Exp", "x", "e"),
        node("Sigmoid", "e", "s"),
        node("Mul", "x s", "y"),
    ]

    assert kinds_of(model(nodes, [], [4]), saved) == ["Exp", "Sigmoid", "Mul"]


def test_a_transposition_far_from_products_moves_its_elements(saved):
    nodes = [
        node("Relu", "x", "r"),
        node("Transpose", "r", "t", perm=[0, 2, 1]),
        node("Exp", "t", "y"),
    ]

    moved = counts(saved(model(nodes, [], [4, 5]))).layers[1]

    assert moved.kind == "onnx.Transpose"
    assert [operation.kind for operation in moved.forward] == ["copy"]


def test_a_number_that_scales_a_product_costs_nothing(saved):
    nodes = [
        node("Mul", "x s", "m"),
        node("Transpose", "x", "t", perm=[0, 2, 1]),
        node("MatMul", "m t", "y"),
    ]
    half = numpy_helper.from_array(np.array(0.5, dtype=np.float32), "s")

    layers = counts(saved(model(nodes, [half], [4, 5]))).layers

    assert [bool(layer.forward) for layer in layers] == [False, False, True]


def test_initial_states_are_no_weights(saved):
    nodes = [node("LSTM", "x w r  h c", "y", hidden_size=3)]
    nodes[0].input[:] = ["x", "w", "r", "", "", "h", "c"]
    weights = [weight("w", 1, 12, 2), weight("r", 1, 12, 3)]
    weights += [weight("h", 1, 5, 3), weight("c", 1, 5, 3)]

    built = model(nodes, weights, [5, 2], batch=1)

    assert counts(saved(built)).params == 12 * 2 + 12 * 3
