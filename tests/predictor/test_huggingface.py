"""A transformer's configuration becomes the network it stands for."""

import contextlib
import json
from pathlib import Path

import pytest

import predictor
from predictor.counting import count_network
from predictor.errors import ArchitectureError, UsageError
from predictor.readers import Request, read_network
from predictor.workload import Workload

NETWORKS = Path(__file__).parents[2] / "data" / "networks"


def family(model_type, **fields):
    return {"model_type": model_type, **fields}


BERT = family(
    "bert",
    vocab_size=30522,
    hidden_size=768,
    num_hidden_layers=12,
    num_attention_heads=12,
    intermediate_size=3072,
)
ROBERTA = {
    **BERT,
    "model_type": "roberta",
    "vocab_size": 50265,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
}
DISTILBERT = family(
    "distilbert", vocab_size=30522, dim=768, n_layers=6, n_heads=12, hidden_dim=3072
)
GPT2 = family(
    "gpt2",
    vocab_size=50257,
    n_embd=768,
    n_layer=12,
    n_head=12,
    architectures=["GPT2LMHeadModel"],
)
OPT = family(
    "opt",
    vocab_size=50272,
    hidden_size=768,
    num_hidden_layers=12,
    num_attention_heads=12,
    ffn_dim=3072,
)
OPT_350M = {
    **OPT,
    "hidden_size": 1024,
    "word_embed_proj_dim": 512,
    "do_layer_norm_before": False,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "ffn_dim": 4096,
}
LLAMA_2 = family(
    "llama",
    vocab_size=32000,
    hidden_size=4096,
    num_hidden_layers=32,
    num_attention_heads=32,
    intermediate_size=11008,
    architectures=["LlamaForCausalLM"],
)
LLAMA_2_70B = {
    **LLAMA_2,
    "hidden_size": 8192,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "intermediate_size": 28672,
}
LLAMA_3 = {
    **LLAMA_2,
    "vocab_size": 128256,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
}
LLAMA_3_70B = {
    **LLAMA_3,
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_attention_heads": 64,
    "num_hidden_layers": 80,
}
MISTRAL = {**LLAMA_3, "model_type": "mistral", "vocab_size": 32000}
MIXTRAL = {
    **MISTRAL,
    "model_type": "mixtral",
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
}
QWEN_2 = family(
    "qwen2",
    vocab_size=152064,
    hidden_size=3584,
    num_hidden_layers=28,
    num_attention_heads=28,
    num_key_value_heads=4,
    intermediate_size=18944,
    architectures=["Qwen2ForCausalLM"],
)
QWEN_3 = family(
    "qwen3",
    vocab_size=151936,
    hidden_size=1024,
    head_dim=128,
    num_hidden_layers=28,
    num_attention_heads=16,
    num_key_value_heads=8,
    intermediate_size=3072,
    tie_word_embeddings=True,
    architectures=["Qwen3ForCausalLM"],
)
T5 = family(
    "t5", vocab_size=32128, d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8
)
VIT = family(
    "vit",
    hidden_size=768,
    num_hidden_layers=12,
    num_attention_heads=12,
    intermediate_size=3072,
    patch_size=16,
)
CLIP = family("clip", projection_dim=512, vision_config={"patch_size": 32})

# Numbers of parameters as the authors' published checkpoints have them.
PUBLISHED = {
    "BERT base": (BERT, 109_482_240),
    "BERT base, masked words": (
        {**BERT, "architectures": ["BertForMaskedLM"]},
        109_514_298,
    ),
    "RoBERTa base": (ROBERTA, 124_645_632),
    "RoBERTa base, masked words": (
        {**ROBERTA, "architectures": ["RobertaForMaskedLM"]},
        124_697_433,
    ),
    "DistilBERT": (DISTILBERT, 66_362_880),
    "GPT-2": (GPT2, 124_439_808),
    "OPT 125M": (OPT, 125_239_296),
    "OPT 350M": (OPT_350M, 331_196_416),
    "Llama 2 7B": (LLAMA_2, 6_738_415_616),
    "Llama 2 70B": (LLAMA_2_70B, 68_976_648_192),
    "Llama 3 8B": (LLAMA_3, 8_030_261_248),
    "Mistral 7B": (MISTRAL, 7_241_732_096),
    "Mixtral 8x7B": (MIXTRAL, 46_702_792_704),
    "Qwen 2 7B": (QWEN_2, 7_615_616_512),
    "Qwen 3 0.6B": (QWEN_3, 596_049_920),
    "T5 small": (T5, 60_506_624),
    "ViT base": (VIT, 86_389_248),
    "ViT base, 1,000 classes": (
        {
            **VIT,
            "architectures": ["ViTForImageClassification"],
            "id2label": {str(label): "" for label in range(1000)},
        },
        86_567_656,
    ),
    "Llama 3 70B": (LLAMA_3_70B, 70_553_706_496),
    "CLIP ViT-B/32": (CLIP, 151_277_313),
}
DECODERS = (GPT2, OPT, LLAMA_2, MISTRAL, MIXTRAL, QWEN_2, QWEN_3)


@pytest.mark.parametrize("mode", ["training", "inference"])
def test_seventy_billion_parameters_are_far_outside_the_fitted_range(mode):
    answer = predictor.estimate(LLAMA_3_70B, workload=Workload(mode=mode))

    assert not answer.verdict.in_domain
    said = [one.message for one in answer.warnings if one.code == "out_of_range"]
    assert any("times beyond the fitted range" in message for message in said)
    usual = predictor.estimate(NETWORKS / "lenet5.json")
    assert usual.verdict.in_domain
    factors = [one.energy_j.upper / one.energy_j.estimate for one in (answer, usual)]
    assert factors[0] > 1.4 * factors[1]


def count(config, **request):
    return count_network(read_network(config, Request(**request)).architecture)


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_those_of_the_published_network(name):
    config, params = PUBLISHED[name]

    assert count(config).params == params


@pytest.mark.parametrize("config", DECODERS, ids=lambda config: config["model_type"])
def test_a_token_takes_its_share_of_a_whole_sequence(config):
    whole = count(config, sequence_length=64)
    one = count(config, sequence_length=64, decode=True)

    assert one.params == whole.params
    assert 64 * one.macs == whole.macs


@pytest.mark.parametrize("config", DECODERS, ids=lambda config: config["model_type"])
def test_a_longer_memory_makes_a_token_dearer(config):
    macs = [
        count(config, sequence_length=length, decode=True).macs
        for length in (1, 10, 100, 1000)
    ]

    assert macs == sorted(set(macs))


def test_products_of_a_decoder_are_its_matrices_and_the_scores():
    length, width, blocks = 100, 4096, 32
    words = 32000 * width
    norms = (2 * blocks + 1) * width

    macs = count(LLAMA_2, sequence_length=length).macs

    matrices = 6_738_415_616 - words - norms  # the table is looked up, not multiplied
    assert macs == length * matrices + blocks * 2 * length**2 * width


def test_a_position_pays_for_the_experts_it_takes_alone():
    every = {**MIXTRAL, "num_experts_per_tok": 8}

    few, all_of_them = count(MIXTRAL), count(every)

    assert few.params == all_of_them.params
    per_expert = 32 * 3 * 4096 * 14336 * 512
    assert all_of_them.macs - few.macs == 6 * per_expert


def test_the_same_encoder_as_keras_json_counts_the_same():
    width, heads, positions, words = 32, 4, 16, 50
    config = family(
        "distilbert",
        vocab_size=words,
        dim=width,
        n_layers=1,
        n_heads=heads,
        hidden_dim=64,
        max_position_embeddings=positions,
    )

    def use(*names):
        history = [
            {
                "class_name": "__keras_tensor__",
                "config": {"keras_history": [name, 0, 0]},
            }
            for name in names
        ]
        return [{"args": history if len(names) == 1 else [history], "kwargs": {}}]

    layers = []

    def add(kind, name, *inputs, **settings):
        if kind == "MultiHeadAttention":
            nodes = [{"args": [*use(inputs[0])[0]["args"] * 2], "kwargs": {}}]
        else:
            nodes = use(*inputs) if inputs else []
        layers.append(
            {
                "class_name": kind,
                "name": name,
                "config": {"name": name, **settings},
                "inbound_nodes": nodes,
            }
        )
        return name

    ids = add("InputLayer", "ids", batch_shape=[None, positions])
    places = add("InputLayer", "places", batch_shape=[None, positions])
    word = add("Embedding", "word", ids, input_dim=words, output_dim=width)
    place = add("Embedding", "place", places, input_dim=positions, output_dim=width)
    summed = add("Add", "sum", word, place)
    inside = add("LayerNormalization", "norm", summed)
    mixed = add("MultiHeadAttention", "mha", inside, num_heads=heads, key_dim=8)
    inside = add("LayerNormalization", "norm1", add("Add", "add1", inside, mixed))
    inner = add("Dense", "in", inside, units=64, activation="gelu")
    outer = add("Dense", "out", inner, units=width)
    last = add("LayerNormalization", "norm2", add("Add", "add2", inside, outer))
    keras = {
        "class_name": "Functional",
        "config": {
            "name": "encoder",
            "layers": layers,
            "input_layers": [[ids, 0, 0], [places, 0, 0]],
            "output_layers": [[last, 0, 0]],
        },
    }

    expected = count_network(read_network(keras).architecture)
    counted = count(config, sequence_length=positions)

    assert (counted.params, counted.macs) == (expected.params, expected.macs)


def test_a_file_says_what_it_left_open(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2))
    inference = Workload(mode="inference", batch_size=1, samples=10)

    answer = predictor.estimate(
        path, workload=inference, sequence_length=100, decode=True
    )

    said = [notice.message for notice in answer.assumptions]
    assert answer.network.format == "huggingface-config"
    assert any("one new token; keys and values of 100 are kept" in one for one in said)


def test_seventy_billion_parameters_are_said_to_be_far_outside():
    answer = predictor.estimate(LLAMA_2_70B)

    assert not answer.verdict.in_domain
    assert any("beyond the fitted range" in one.message for one in answer.warnings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 10**9}, "'num_hidden_layers' must be .* 1 to 160,"),
        ({"num_hidden_layers": 161}, "'num_hidden_layers' must be .* 1 to 160,"),
        ({"num_hidden_layers": -1}, "must be a whole number from 1"),
        ({"hidden_size": 10**30}, "'hidden_size' must be a whole number"),
        ({"hidden_size": True}, "'hidden_size' must be a whole number"),
        ({"hidden_size": "768"}, "'hidden_size' must be a whole number"),
        ({"hidden_size": None}, "'hidden_size' must be a whole number"),
        ({"hidden_size": 770}, "must be a multiple of the 12 attention heads"),
        ({"hidden_act": "magic"}, "'hidden_act' must be one of gelu"),
        ({"hidden_act": ["gelu"]}, "'hidden_act' must be text"),
        ({"hidden_dropout_prob": float("nan")}, "from 0 to below 1"),
        ({"architectures": ["BertForPoetry"]}, "must be a class that ends in Model"),
        ({"architectures": {"a": 1}}, "must be a class that ends in Model"),
        ({"model_type": "whisper"}, "known are bert, clip"),
        ({"model_type": 5}, "'model_type' must be text"),
    ],
)
def test_a_field_out_of_range_is_named(change, message):
    with pytest.raises(ArchitectureError, match=message):
        read_network({**BERT, **change})


@pytest.mark.parametrize(
    ("config", "request_", "message"),
    [
        (BERT, Request(decode=True), "decoders only"),
        (VIT, Request(sequence_length=9), "leave the sequence length out"),
        (GPT2, Request(sequence_length=1025), "from 1 to 1024 here, got 1025"),
        (GPT2, Request(sequence_length=0), "from 1 to 1024 here, got 0"),
        (CLIP, Request(sequence_length=78), "from 1 to 77 here"),
    ],
)
def test_a_request_that_does_not_suit_is_refused(config, request_, message):
    with pytest.raises(UsageError, match=message):
        read_network(config, request_)


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_field_of_any_family_can_make_it_fail_otherwise(name):
    config, _ = PUBLISHED[name]
    wrong = (None, -1, 0, 3, 1.5, 10**9, "x", [], {}, True, float("nan"))
    for field in config.keys() - {"model_type"}:
        for value in wrong:
            with contextlib.suppress(ArchitectureError):
                count({**config, field: value})


def test_decoding_is_no_training():
    with pytest.raises(UsageError, match="decoding token by token is inference"):
        predictor.estimate(GPT2, decode=True)


def test_a_keras_network_has_no_sequence_length():
    dense = {"class_name": "Dense", "config": {"units": 2, "input_shape": [4]}}
    network = {"class_name": "Sequential", "config": {"layers": [dense]}}

    with pytest.raises(UsageError, match=r"config\.json only"):
        read_network(network, Request(sequence_length=4))
