"""PyTorch modules are counted by what they compute, and left as they were."""

import copy
import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import predictor  # noqa: E402
from predictor import Workload  # noqa: E402
from predictor.counting import count_network  # noqa: E402
from predictor.errors import (  # noqa: E402
    ArchitectureError,
    UnsupportedLayerError,
    UsageError,
)
from predictor.readers import Request, read_network  # noqa: E402


class Two(nn.Module):
    """Takes an image and words; has parts of its own, shared and frozen weights."""

    def __init__(self):
        super().__init__()
        self.image = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
            *(nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(32, 16)),
        )
        self.words = nn.Embedding(100, 16)
        self.block = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.out = nn.Linear(16, 100, bias=False)
        self.out.weight = self.words.weight
        for weight in self.block.parameters():
            weight.requires_grad = False

    def forward(self, image, words):
        tokens = self.words(words) + self.image(image)[:, None]
        return self.out(self.block(tokens))


TWO = [(3, 32, 32), (10,)]


def count(module, *shapes):
    file = read_network(module, Request(input_shapes=shapes))
    return count_network(file.architecture, shapes)


def flops_of(module, *inputs):
    # Other kernels of attention are not known to this counter.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        module.eval()(*inputs)
    return counter.get_total_flops()


def test_parameters_are_the_modules_own():
    module = Two()

    found = count(module, *TWO)

    statistics = 2 * 8
    own = list(module.parameters())
    assert found.params == sum(map(torch.numel, own)) + statistics
    trained = sum(weight.numel() for weight in own if weight.requires_grad)
    assert found.trainable_params == trained


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Conv2d(8, 16, 3, stride=2, padding=1), (8, 15, 15)),
        (nn.Conv2d(8, 16, (1, 5), padding="same", groups=4, dilation=2), (8, 16, 16)),
        (nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1, groups=2), (8, 9, 9)),
        (nn.ConvTranspose1d(8, 4, 3), (8, 20)),
        (nn.Conv3d(2, 4, 3), (2, 8, 8, 8)),
        (nn.Linear(7, 9), (3, 5, 7)),
        (nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (9, 16)),
        (nn.TransformerEncoderLayer(16, 2, 32, norm_first=True), (9, 16)),
    ],
)
def test_macs_are_those_of_the_flop_counter(module, shape):
    assert 2 * count(module, shape).macs == flops_of(module, torch.zeros(1, *shape))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("both", [False, True])
def test_recurrent_layers_multiply_each_weight_once_a_step(kind, both):
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = kind(5, 7, num_layers=2, bidirectional=both, dropout=0.1)

        def forward(self, sequence):
            return self.net(sequence.transpose(0, 1))[0]

    module = Last()
    matrices = [one for one in module.parameters() if one.dim() == 2]

    found = count(module, (11, 5))

    assert found.macs == 11 * sum(map(torch.numel, matrices))
    assert found.params == sum(map(torch.numel, module.parameters()))


def test_a_module_without_weights_costs_the_same():
    with torch.device("meta"):
        empty = Two()

    full = predictor.estimate(Two(), input_shapes=TWO)

    answer = predictor.estimate(empty, input_shapes=TWO)
    assert answer.energy_j == full.energy_j
    assert answer.network.sha256 == full.network.sha256
    assert answer.network.format == "torch-module"


def test_a_module_is_left_as_it_was():
    module = Two().train()
    module.block.eval()
    before = copy.deepcopy(module.state_dict())
    modes = [part.training for part in module.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    seed = torch.random.get_rng_state()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictor.estimate(module, input_shapes=TWO)

    assert [part.training for part in module.modules()] == modes
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(weight.grad is None for weight in module.parameters())
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.equal(torch.random.get_rng_state(), seed)


def test_a_frozen_module_trains_for_less():
    frozen = Two()
    for weight in frozen.parameters():
        weight.requires_grad = False
    job = Workload(samples=100_000)

    costs = [
        predictor.estimate(one, input_shapes=TWO, workload=job).energy_j.estimate
        for one in (frozen, Two())
    ]

    assert costs[0] < costs[1]


def test_many_at_once_tell_a_frozen_module_from_one_that_is_trained():
    frozen = Two()
    for weight in frozen.parameters():
        weight.requires_grad = False
    job = Workload(samples=100_000)

    found = predictor.estimate_many([(frozen, job), (Two(), job)], input_shapes=TWO)

    assert found.energy_j.estimate[0] < found.energy_j.estimate[1]


def test_dropout_and_batch_statistics_are_counted_in_training():
    plain = nn.Sequential(nn.Linear(512, 512), nn.Linear(512, 512))
    dropped = nn.Sequential(nn.Linear(512, 512), nn.Dropout(), nn.Linear(512, 512))

    def work(module, mode):
        found = count(module.eval(), (512,))
        return [
            one
            for layer in found.layers
            for one in layer.forward
            if mode == "training" or not one.training_only
        ]

    assert len(work(dropped, "training")) == len(work(plain, "training")) + 1
    assert len(work(dropped, "inference")) == len(work(plain, "inference"))


def test_work_on_weights_alone_is_left_out():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(6, 5))
            self.length = nn.Parameter(torch.ones(6, 1))

        def forward(self, x):
            scaled = self.length * self.weight / self.weight.norm(dim=1, keepdim=True)
            return functional.linear(x, scaled)

    found = count(Scaled(), (5,))

    assert [layer.kind for layer in found.layers] == ["onnx.Gemm"]
    assert found.params == 36


def test_results_that_nobody_uses_cost_nothing():
    class Wasteful(nn.Module):
        def forward(self, x):
            torch.exp(x)
            return x + 1

    assert [layer.kind for layer in count(Wasteful(), (5,)).layers] == ["onnx.Add"]


def test_without_shapes_it_says_what_to_give():
    with pytest.raises(UsageError, match="input_shapes"):
        predictor.estimate(Two())


@pytest.mark.parametrize(
    "shapes", [[(3, 32, 32)], [(3, 1, 1), (10,)], [(3, 32, 32), (10,), (10,)]]
)
def test_inputs_that_do_not_fit_are_refused(shapes):
    with pytest.raises(ArchitectureError, match="'Two' cannot be traced"):
        predictor.estimate(Two(), input_shapes=shapes)


@pytest.mark.parametrize("shape", [(3, None, 32), (0,)])
def test_sizes_must_be_known(shape):
    with pytest.raises(UsageError, match="every size"):
        predictor.estimate(Two(), input_shapes=[shape])


def test_an_operator_without_a_rule_is_named():
    class Spectrum(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(8, 16)

        def forward(self, x):
            return torch.linalg.matrix_exp(
                self.inner(x).view(-1, 2, 4) @ x.view(-1, 4, 2)
            )

    with pytest.raises(UnsupportedLayerError, match=r"aten\.\w*matrix_exp"):
        predictor.estimate(Spectrum(), input_shapes=[(8,)])


def test_shapes_that_hang_on_values_are_refused():
    class Chosen(nn.Module):
        def forward(self, x):
            return x[x > 0].sum()

    with pytest.raises(ArchitectureError):
        predictor.estimate(Chosen(), input_shapes=[(8,)])


class Foreign(nn.Module):
    """Has an operator without a rule, and a part that is traced as one operator."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(8, 16)

    def forward(self, x):
        with torch.no_grad():
            y = torch.linalg.matrix_exp(self.inner(x).view(-1, 4, 4))
        return self.inner(x) + y.flatten(1)


def test_what_is_not_known_is_priced_by_its_tensors_where_asked_for():
    answer = predictor.estimate(
        Foreign(), input_shapes=[(8,)], on_unknown="approximate"
    )

    assert answer.counts.approximated
    assert not answer.verdict.in_domain
    assert any("no counting rule" in one.message for one in answer.warnings)
