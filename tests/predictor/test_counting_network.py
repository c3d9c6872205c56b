"""How networks are walked: sharing, nesting, freezing, gradients, limits."""

import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictor.architecture import Architecture, Layer, Node, TensorRef
from predictor.counting import count_network
from predictor.errors import ArchitectureError, UnsupportedLayerError
from predictor.readers import read_network_description
from tests.predictor.networks import functional, layer, sequential, tensor

SIZES = st.integers(min_value=1, max_value=1000)
TEN_LAYERS = st.lists(SIZES, min_size=1, max_size=10)


def count(description):
    return count_network(read_network_description(description))


def mlp(inputs, widths):
    return sequential((inputs,), *(layer("Dense", units=width) for width in widths))


def phases(layer_count):
    return {operation.phase for operation in layer_count.backward}


@given(SIZES, TEN_LAYERS)
def test_counts_of_a_stack_are_the_sum_of_its_layers(inputs, widths):
    sizes = [inputs, *widths]

    counted = count(mlp(inputs, widths))

    products = [a * b for a, b in pairwise(sizes)]
    assert counted.macs == sum(products)
    assert counted.params == sum(products) + sum(widths)
    assert counted.activations == sum(widths)


@given(SIZES, TEN_LAYERS, st.integers(min_value=0, max_value=9))
def test_widening_a_layer_never_lowers_the_work(inputs, widths, place):
    wider = list(widths)
    wider[place % len(widths)] += 1

    assert count(mlp(inputs, wider)).macs > count(mlp(inputs, widths)).macs


@given(SIZES, TEN_LAYERS)
def test_nesting_a_part_changes_no_count(inputs, widths):
    layers = [layer("Dense", units=width) for width in widths]
    inner = {"class_name": "Sequential", "config": {"name": "part", "layers": layers}}

    flat, nested = count(mlp(inputs, widths)), count(sequential((inputs,), inner))

    assert nested.macs == flat.macs
    assert nested.params == flat.params
    assert [one.backward for one in nested.layers] == [
        one.backward for one in flat.layers
    ]


def test_layers_of_a_nested_network_are_named_by_their_path():
    inner = sequential((4,), layer("Dense", "last", units=2), name="inner")
    outer = sequential((4,), inner, name="outer")

    counted = count(sequential((4,), outer))

    assert [one.name for one in counted.layers] == ["outer/inner/last"]


def test_a_shared_layer_has_its_weights_once_and_its_work_each_time():
    shared = {
        "a": (layer("Dense", units=4), [[tensor("x")], [tensor("y")]]),
        "sum": (layer("Add"), [[[tensor("a", 0), tensor("a", 1)]]]),
    }

    counted = count(functional(shared, [["sum", 0, 0]], inputs=("x", "y")))

    dense = counted.layers[0]
    assert (dense.name, dense.calls) == ("a", 2)
    assert (counted.params, counted.macs) == (20, 32)


def test_a_layer_applied_to_its_own_output_needs_an_input_gradient_the_second_time():
    chain = {"a": (layer("Dense", units=4), [[tensor("x")], [tensor("a", 0)]])}

    counted = count(functional(chain, [["a", 1, 0]]))

    first, second = counted.layers
    assert phases(first) == {"weight_gradient"}
    assert phases(second) == {"input_gradient", "weight_gradient"}
    assert [first.params, second.params] == [20, 0]
    assert [first.trainable_tensors, second.trainable_tensors] == [2, 0]


def test_a_layer_shared_by_inputs_that_need_other_weights_is_refused():
    layers = {
        "wide": (layer("Dense", units=7), [[tensor("x")]]),
        "a": (layer("Dense", units=4), [[tensor("x")], [tensor("wide")]]),
    }

    with pytest.raises(ArchitectureError, match="'a' is shared"):
        count(functional(layers, [["a", 0, 0], ["a", 1, 0]]))


def test_nothing_is_propagated_below_the_lowest_trainable_layer():
    counted = count(
        sequential(
            (4,),
            layer("Dense", units=5, trainable=False),
            layer("ReLU"),
            layer("Dense", units=6),
            layer("ReLU"),
            layer("Dense", units=7, trainable=False),
        )
    )

    assert [phases(one) for one in counted.layers] == [
        set(),
        set(),
        {"weight_gradient"},
        {"input_gradient"},
        {"input_gradient"},
    ]
    assert counted.trainable_params == 5 * 6 + 6


def test_a_branch_without_weights_before_it_has_no_backward_pass():
    layers = {
        "left": (layer("Dense", units=4), [[tensor("x")]]),
        "right": (layer("ReLU"), [[tensor("x")]]),
        "sum": (layer("Add"), [[[tensor("left"), tensor("right")]]]),
    }

    counted = count(functional(layers, [["sum", 0, 0]]))

    backward = {one.name: phases(one) for one in counted.layers}
    assert backward == {
        "left": {"weight_gradient"},
        "right": set(),
        "sum": {"input_gradient"},
    }


@pytest.mark.parametrize("level", ["layer", "inner", "outer"])
def test_freezing_a_network_freezes_everything_inside(level):
    frozen = {"trainable": False}
    dense = layer("Dense", units=3, **frozen if level == "layer" else {})
    norm = layer("BatchNormalization", **frozen if level == "layer" else {})
    inner = sequential((4,), dense, norm, **frozen if level == "inner" else {})
    outer = sequential((4,), inner, **frozen if level == "outer" else {})

    counted = count(outer)

    assert (counted.params, counted.trainable_params) == (4 * 3 + 3 + 12, 0)
    assert all(not one.backward for one in counted.layers)
    assert all(one.trainable_tensors == 0 for one in counted.layers)
    assert not any(o.training_only for one in counted.layers for o in one.forward)


def test_a_trained_batch_normalisation_computes_statistics_in_training_only():
    norm = count(sequential((4,), layer("BatchNormalization"))).layers[0]

    assert [o.training_only for o in norm.forward] == [True, False]
    assert (norm.params, norm.trainable_params, norm.trainable_tensors) == (16, 8, 2)


def test_dropout_is_work_in_training_only():
    dropout = count(sequential((4,), layer("Dropout", rate=0.5))).layers[0]

    assert [(o.kind, o.training_only) for o in dropout.forward] == [("random", True)]


def called(argument, *, keras=2):
    """A network used with ``training=argument``, as in transfer learning."""
    inner = sequential(
        (4,),
        layer("Dense", units=4),
        layer("BatchNormalization"),
        layer("Dropout", rate=0.5),
    )
    description = functional({"inner": (inner, [[tensor("x")]])}, [["inner", 0, 0]])
    used = description["config"]["layers"][1]
    if keras == 2:
        used["inbound_nodes"] = [[["x", 0, 0, {"training": argument}]]]
    else:
        used["inbound_nodes"][0]["kwargs"] = {"training": argument}
    return count(description)


def test_a_network_called_with_training_false_runs_as_in_inference():
    operations = [o for one in called(False).layers for o in one.forward]

    assert [o.kind for o in operations] == ["matmul", "normalisation"]
    assert not any(o.training_only for o in operations)


def test_a_network_called_with_training_true_does_the_same_work_in_inference():
    kinds = [o.kind for one in called(None).layers for o in one.forward]

    operations = [o for one in called(True).layers for o in one.forward]

    assert [o.kind for o in operations] == kinds
    assert not any(o.training_only for o in operations)


@pytest.mark.parametrize("argument", [False, True])
def test_keras_3_overrides_the_argument_and_writes_its_default(argument):
    assert called(argument, keras=3).layers == called(None).layers


def test_a_frozen_layer_inside_a_wrapper_stays_frozen():
    inner = layer("Dense", units=3, trainable=False)
    wrapped = sequential((5, 4), layer("TimeDistributed", layer=inner))

    counted = count(wrapped)

    assert (counted.params, counted.trainable_params) == (15, 0)


def test_a_network_inside_a_wrapper_counts_as_if_used_at_each_step():
    inner = mlp(4, [3, 2])

    counted = count(sequential((5, 4), layer("TimeDistributed", layer=inner)))

    assert counted.macs == 5 * count(inner).macs
    assert counted.params == count(inner).params


def nested(times, *, levels=60):
    """A network used `times` times by another, which is used by another, ..."""
    dense = layer("Dense", "dense", units=4)
    network = read_network_description(sequential((4,), dense))
    source = network.nodes[0].layer
    for level in range(levels):
        shared = Layer(name=f"level{level}", kind="Functional", inner=network)
        nodes = [Node(layer=source)] + [
            Node(layer=shared, inputs=(TensorRef(node=place),))
            for place in range(times)
        ]
        network = Architecture(
            name=f"net{level}",
            nodes=tuple(nodes),
            inputs=(0,),
            outputs=(TensorRef(node=times),),
        )
    return network


def test_a_network_used_2_to_the_60_times_is_counted_exactly_and_at_once():
    started = time.process_time()

    counted = count_network(nested(2))

    assert counted.macs == 16 * 2**60
    assert counted.params == 20
    assert sum(one.calls for one in counted.layers) == 2**60
    assert len(counted.layers) == 2
    assert time.process_time() - started < 5


def test_a_wrapper_around_a_network_used_2_to_the_60_times_is_counted_exactly():
    wrapper = Layer(name="steps", kind="TimeDistributed", inner=nested(2))
    source = Layer(name="x", kind="InputLayer", settings={"batch_shape": [None, 3, 4]})
    network = Architecture(
        name="net",
        nodes=(Node(layer=source), Node(layer=wrapper, inputs=(TensorRef(node=0),))),
        inputs=(0,),
        outputs=(TensorRef(node=1),),
    )

    counted = count_network(network)

    assert counted.macs == 3 * 16 * 2**60
    assert counted.params == 20


def test_nesting_too_deep_is_refused():
    with pytest.raises(ArchitectureError, match="nested deeper than 100"):
        count_network(nested(1, levels=200))


def test_growing_inputs_of_a_shared_network_are_refused_when_they_are_too_many():
    network = read_network_description(
        sequential((None, 4), layer("ZeroPadding1D", padding=1))
    )
    source = network.nodes[0].layer
    for level in range(20):
        shared = Layer(name=f"level{level}", kind="Functional", inner=network)
        first = Node(layer=shared, inputs=(TensorRef(node=0),))
        second = Node(layer=shared, inputs=(TensorRef(node=1),))
        network = Architecture(
            name="net",
            nodes=(Node(layer=source), first, second),
            inputs=(0,),
            outputs=(TensorRef(node=2),),
        )
    start = Layer(name="x", kind="InputLayer", settings={"batch_shape": [None, 3, 4]})
    whole = Layer(name="whole", kind="Functional", inner=network)
    network = Architecture(
        name="net",
        nodes=(Node(layer=start), Node(layer=whole, inputs=(TensorRef(node=0),))),
        inputs=(0,),
        outputs=(TensorRef(node=1),),
    )

    with pytest.raises(ArchitectureError, match="different input shapes"):
        count_network(network)


def counting_s(network):
    times_s = []
    for _ in range(3):
        started = time.process_time()
        count(network)
        times_s.append(time.process_time() - started)
    return min(times_s)


def test_ten_times_the_layers_take_about_ten_times_as_long_to_count():
    few, many = mlp(8, [8] * 1_000), mlp(8, [8] * 10_000)

    assert len(count(many).layers) == 10_000
    assert counting_s(many) < 30 * counting_s(few)


def test_counting_takes_no_memory_for_huge_layers():
    network = sequential(
        (2**40,),
        layer("Dense", units=2**40),
        layer("RepeatVector", n=2**40),
        layer("UpSampling1D", size=2**20),
        layer("Conv1D", filters=2**40, kernel_size=2**30),
    )
    tracemalloc.start()

    counted = count(network)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
    assert counted.params > 2**110


def test_a_size_beyond_63_bits_is_refused():
    grown = [layer("UpSampling1D", size=2**40)] * 2

    with pytest.raises(ArchitectureError, match="a size must be 1 to 2"):
        count(sequential((8, 2), *grown))


def test_an_open_size_is_no_matter_where_no_count_depends_on_it():
    reshaped = layer("Reshape", target_shape=[6])

    counted = count(sequential((None, 3), reshaped, layer("Dense", units=2)))

    assert counted.macs == 12


def test_an_open_size_that_a_count_depends_on_is_refused_with_the_layers_name():
    convolution = layer("Conv2D", "first", filters=2, kernel_size=3)

    with pytest.raises(ArchitectureError, match=r"'first'.* is open; give"):
        count(sequential((None, None, 3), convolution))


def test_a_network_without_an_input_shape_is_refused():
    network = {"class_name": "Sequential", "config": {"layers": [layer("ReLU")]}}

    with pytest.raises(ArchitectureError, match="does not say the shape of its input"):
        count(network)


def test_an_unknown_layer_is_an_error_that_names_it():
    with pytest.raises(
        UnsupportedLayerError, match="'odd' is of kind 'Lambda'"
    ) as info:
        count(sequential((4,), layer("Lambda", "odd", function="f")))

    assert info.value.kind == "Lambda"
    assert "Dense" in info.value.known


def test_a_users_class_called_like_one_of_keras_is_unknown():
    dense = layer("Dense", units=3) | {
        "module": "my.layers",
        "registered_name": "my>Dense",
    }

    with pytest.raises(UnsupportedLayerError, match="my>Dense"):
        count(sequential((4,), dense))


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (layer("Dense", "d"), "'units' is missing"),
        (layer("Dense", "d", units=True), "'units' must be an integer"),
        (layer("Dense", "d", units=3.0), "'units' must be an integer"),
        (layer("Dense", "d", units="12"), "'units' must be an integer"),
        (layer("Dense", "d", units=-5), "'units' must be 1 to"),
        (layer("Dense", "d", units=0), "'units' must be 1 to"),
        (layer("Dense", "d", units=2**63), "'units' must be 1 to"),
        (layer("Dense", "d", units=2, activation="odd"), "activation 'odd'"),
        (layer("Dense", "d", units=2, lora_rank=4), "'lora_rank'"),
        (layer("Conv1D", "d", filters=2, kernel_size=9), "does not fit"),
        (layer("Conv1D", "d", filters=2, kernel_size=[1, 2]), "must have 1 numbers"),
        (layer("Conv1D", "d", filters=2, kernel_size=1, groups=3), "'groups'"),
        (layer("Conv2D", "d", filters=2, kernel_size=1), "takes an input of 3 axes"),
        (layer("Conv1D", "d", filters=2, kernel_size=1, padding="x"), "'padding'"),
        (layer("Reshape", "d", target_shape=[7]), "does not fit"),
        (layer("Reshape", "d", target_shape=[-1, -1]), "-1 once"),
        (layer("Permute", "d", dims=[1, 1]), "'dims'"),
        (layer("Cropping1D", "d", cropping=3), "leaves nothing"),
        (layer("BatchNormalization", "d", axis=0), "'axis'"),
        (layer("BatchNormalization", "d", axis=4), "'axis'"),
        (layer("Dropout", "d", rate="x"), "'rate'"),
        (layer("EinsumDense", "d", equation="a", output_shape=1), "'equation'"),
        (layer("UpSampling2D", "d", interpolation=3), "takes an input of 3 axes"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_layer_and_setting(described, message):
    with pytest.raises(ArchitectureError, match=r"^layer 'd'") as info:
        count(sequential((4, 6), described))

    assert message in str(info.value)


@given(
    groups=st.integers(1, 4),
    channels=st.integers(1, 8),
    filters=st.integers(1, 8),
    kernel=st.integers(1, 4),
)
def test_grouping_a_convolution_divides_its_work_by_the_groups(
    groups, channels, filters, kernel
):
    channels, filters = channels * groups, filters * groups
    options = {"filters": filters, "kernel_size": kernel, "use_bias": False}

    plain = count(sequential((9, 9, channels), layer("Conv2D", **options)))
    grouped = count(
        sequential((9, 9, channels), layer("Conv2D", groups=groups, **options))
    )

    assert grouped.macs * groups == plain.macs
    assert grouped.params * groups == plain.params


@given(
    size=st.integers(1, 12),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    filters=st.integers(1, 8),
)
def test_a_transposed_convolution_undoes_the_shape_and_has_the_same_work(
    size, kernel, stride, filters
):
    options = {"kernel_size": kernel, "strides": stride, "use_bias": False}
    transposed = layer("Conv1DTranspose", filters=3, **options)
    plain = layer("Conv1D", filters=filters, **options)
    up = count(sequential((size, filters), transposed))

    down = count(sequential(up.output_shapes[0], plain))

    assert down.output_shapes == ((size, filters),)
    assert down.macs == up.macs


@given(height=st.integers(3, 12), width=st.integers(3, 12), channels=st.integers(1, 8))
def test_the_data_format_changes_no_count(height, width, channels):
    last = sequential(
        (height, width, channels),
        layer("Conv2D", filters=4, kernel_size=3, activation="relu"),
        layer("GlobalAveragePooling2D"),
    )
    first = sequential(
        (channels, height, width),
        layer(
            "Conv2D",
            filters=4,
            kernel_size=3,
            activation="relu",
            data_format="channels_first",
        ),
        layer("GlobalAveragePooling2D", data_format="channels_first"),
    )

    for one, other in zip(count(last).layers, count(first).layers, strict=True):
        assert one.forward == other.forward
        assert one.backward == other.backward


def test_layers_that_move_no_data_have_no_operations():
    counted = count(
        sequential(
            (4, 6),
            layer("Identity"),
            layer("Reshape", target_shape=[24]),
            layer("Flatten"),
            layer("Dropout", rate=0),
            layer("Activation"),
        )
    )

    assert all(one.forward == () for one in counted.layers)
    assert counted.macs == counted.params == 0


def test_every_product_is_its_positions_times_its_matrix():
    counted = count(
        sequential(
            (16, 16, 8),
            layer("Conv2D", filters=4, kernel_size=3, groups=2, padding="same"),
            layer("DepthwiseConv2D", kernel_size=3, depth_multiplier=2),
            layer("SeparableConv2D", filters=6, kernel_size=3),
            layer("Conv2DTranspose", filters=5, kernel_size=3, strides=2),
            layer("Dense", units=7),
            layer("EinsumDense", equation="abcd,cde->abe", output_shape=[None, 9]),
            layer("LSTM", units=3),
        )
    )

    products = [o for one in counted.layers for o in one.forward if o.macs]
    assert len(products) >= 8
    for o in products:
        assert o.macs == o.launches * o.positions * o.inner * o.columns * o.groups
