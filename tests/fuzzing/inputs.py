"""Valid inputs of each format, and how each is damaged below its checksums."""

import copy
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from onnx import ModelProto

from predictor.artefact import ARRAYS, MANIFEST
from tests.fuzzing.mutations import damaged_bytes, damaged_json, json_bytes
from tests.predictor.test_huggingface import PUBLISHED
from tests.predictor.test_onnx import attention_net, dense_net, image_net
from tests.predictor.test_readers import EVERY_KIND

NETWORKS = Path(__file__).parents[2] / "data" / "networks"
SMALL_NETWORKS = ("lenet5", "lstm_text", "mlp_small", "transformer_encoder")
SHALLOW = dict.fromkeys(
    ("n_layer", "n_layers", "num_layers", "num_decoder_layers", "num_hidden_layers"), 2
)
BESIDE = ("metadata.json", "model.weights.h5", "../../escape", "a/../b", "/etc/x")
OPERATORS = ("LSTM", "If", "Loop", "Nope", "Transpose", "Add", "Mul", "MatMul")
HUGE = (0, 1, 2**31 - 1, 2**31, 2**40, 2**62)


class Json:
    """Keras' JSON and transformers' configurations."""

    name = "net.json"

    def __init__(self):
        self.valid = [
            *(json.loads((NETWORKS / f"{n}.json").read_text()) for n in SMALL_NETWORKS),
            *EVERY_KIND,
            *({**config, **SHALLOW} for config, _ in PUBLISHED.values()),
        ]

    def damaged(self, chance):
        value = chance.choice(self.valid)
        if chance.random() < 0.75:
            return json_bytes(damaged_json(value, chance))
        return damaged_bytes(json_bytes(value), chance)


class Archive:
    """Keras' `.keras` archives."""

    name = "net.keras"

    def __init__(self):
        self._json = Json()

    def damaged(self, chance):
        content = json_bytes(chance.choice(self._json.valid[:-1]))
        if chance.random() < 0.5:
            content = self._json.damaged(chance)
        buffer = io.BytesIO()
        compression = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name in chance.sample(
                [
                    "metadata.json",
                    "model.weights.h5",
                    "../../escape",
                    "a/../b",
                    "/etc/x",
                ],
                chance.randrange(4),
            ):
                archive.writestr(name, b"x" * chance.choice((0, 10, 100_000)))
            archive.writestr(
                chance.choice(["config.json"] * 9 + ["Config.json"]), content
            )
        packed = buffer.getvalue()
        return packed if chance.random() < 0.3 else damaged_bytes(packed, chance)


class Onnx:
    """ONNX files."""

    name = "net.onnx"

    def __init__(self):
        self.valid = [
            built().SerializeToString()
            for built in (dense_net, image_net, attention_net)
        ]

    def damaged(self, chance):
        content = chance.choice(self.valid)
        if chance.random() < 0.5:
            found = damaged_bytes(content, chance)
        else:
            found = self._changed(content, chance)
        return b"\x08" + found[1:]

    def _changed(self, content, chance):
        model = ModelProto.FromString(content)
        graph = model.graph
        for _ in range(chance.choice((1, 1, 2, 5))):
            node, other = (chance.choice(graph.node) for _ in range(2))
            kind = chance.randrange(9)
            if kind == 0:
                node.op_type = chance.choice(
                    (other.op_type, "LSTM", "If", "Loop", "Nope")
                )
            elif kind == 1 and node.input:
                node.input[chance.randrange(len(node.input))] = chance.choice(
                    [*other.input, *other.output, "", "x"]
                )
            elif kind == 2 and node.output:
                node.output[0] = chance.choice([*other.output, *other.input, ""])
            elif kind == 3 and node.attribute:
                attribute = chance.choice(node.attribute)
                attribute.i = chance.choice((-1, *HUGE))
                if attribute.ints:
                    place = chance.randrange(len(attribute.ints))
                    attribute.ints[place] = chance.choice((-1, *HUGE))
            elif kind == 4 and graph.initializer:
                tensor = chance.choice(graph.initializer)
                tensor.dims[:] = [
                    chance.choice(HUGE) for _ in range(chance.randrange(5))
                ]
            elif kind == 5:
                axes = graph.input[0].type.tensor_type.shape.dim
                chance.choice(axes).dim_value = chance.choice((-1, *HUGE))
            elif kind == 6:
                graph.node.append(copy.deepcopy(node))
            elif kind == 7:
                graph.node.remove(node)
            elif graph.initializer:
                chance.choice(graph.initializer).data_type = chance.randrange(-1, 25)
            if not graph.node:
                break
        return model.SerializeToString()


class Model:
    """Fitted models: a manifest and arrays, most with checksums that fit."""

    name = "model"

    def __init__(self, folder):
        self._manifest = json.loads((folder / MANIFEST).read_text())
        self._content = (folder / ARRAYS).read_bytes()
        with np.load(folder / ARRAYS) as stored:
            self._arrays = dict(stored)

    def damaged(self, chance):
        """Return the bytes of both files."""
        manifest, content = self._manifest, self._content
        kind = chance.randrange(4)
        if kind == 0:
            content = self._changed_arrays(chance)
        elif kind == 1:
            content = damaged_bytes(content, chance)
        elif kind == 2:
            manifest = damaged_json(manifest, chance)
        else:
            return damaged_bytes(json_bytes(manifest), chance), content
        return json_bytes(_signed(manifest, content)), content

    def _changed_arrays(self, chance):
        arrays = dict(self._arrays)
        for _ in range(chance.choice((1, 1, 3))):
            name = chance.choice(list(arrays))
            values = arrays[name].copy()
            if values.dtype.kind not in "fi":  # changed before
                continue
            kind = chance.randrange(5)
            if kind == 0:
                del arrays[name]
                continue
            if kind == 1:
                values = values.reshape(-1)[: chance.randrange(values.size + 1)]
            elif kind == 2:
                with np.errstate(invalid="ignore"):
                    values = values.astype(
                        chance.choice(("f4", "i1", "u8", "U3", "c16"))
                    )
            elif kind == 3 and values.size:
                worst = (
                    (-1, 0, 100) if values.dtype.kind == "i" else (np.nan, -1, 1e308)
                )
                flat = values.reshape(-1)
                flat[chance.randrange(len(flat))] = chance.choice(worst)
            else:
                values = np.concatenate([values.reshape(-1)] * 3)
            arrays[name] = values
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        content = buffer.getvalue()
        return damaged_bytes(content, chance) if chance.random() < 0.2 else content


def _signed(manifest, content):
    """Give a manifest the digests that fit, as an attacker would."""
    if not isinstance(manifest, dict):
        return manifest
    manifest = {**manifest, "arrays_sha256": hashlib.sha256(content).hexdigest()}
    manifest.pop("digest", None)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    try:
        digest = hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        digest = "?"
    return {**manifest, "digest": digest}
