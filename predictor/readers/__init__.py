"""Network files of every supported format, read without their framework."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Literal, Protocol

from predictor.architecture import Architecture
from predictor.errors import ArchitectureError, InputFileError, UsageError
from predictor.readers.huggingface import is_config
from predictor.readers.keras_archive import MAGIC, read_archive_config
from predictor.readers.keras_json import network_in, read_network_description
from predictor.readers.limits import (
    check_depth,
    open_regular_file,
    parse_json,
    read_capped,
)
from predictor.readers.operators_json import are_operators, describe_operators
from predictor.readers.request import Request

__all__ = [
    "Format",
    "LiveModel",
    "NetworkFile",
    "Request",
    "describe_operators",
    "network_sha256",
    "read_network",
    "read_network_description",
]

Format = Literal[
    "keras-json",
    "keras-archive",
    "keras-model",
    "huggingface-config",
    "onnx",
    "torch-module",
    "operators-json",
]

_ONNX_FIRST_BYTE = b"\x08"
"""Every ONNX file begins with its version, field 1 as a number."""

_OTHER_FORMATS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file; save the model as .keras",
    b"\x80": "a pickle, which may run code; write model.to_json() to a file",
    b"\x1f\x8b": "a gzip file; unpack it first",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFile:
    """A network and where it came from.

    Parameters
    ----------
    architecture : Architecture
        The network.
    format : {"keras-json", "keras-archive", "keras-model", "huggingface-config", \
"onnx", "torch-module", "operators-json"}
        The format read.
    sha256 : str
        Hash of the description's canonical JSON, of an ONNX file without its weights,
        or of a module's operators, in hexadecimal.
    description : mapping
        The parsed JSON; empty for ONNX and PyTorch.
    assumptions : tuple of str, default=()
        What the description leaves open and was taken for granted.

    Examples
    --------
    >>> dense = {"class_name": "Dense", "config": {"units": 2, "input_shape": [4]}}
    >>> network = {"class_name": "Sequential", "config": {"layers": [dense]}}
    >>> len(read_network(network).sha256)
    64
    """

    architecture: Architecture
    format: Format
    sha256: str
    description: Mapping[str, object]
    assumptions: tuple[str, ...] = ()


class LiveModel(Protocol):
    """A Keras model in memory, of whatever backend."""

    def to_json(self) -> str:
        """Return its architecture as JSON."""


def read_network(
    source: str | os.PathLike[str] | Mapping[str, object] | LiveModel,
    request: Request | None = None,
) -> NetworkFile:
    """Read a network from a file, or from parsed JSON.

    Parameters
    ----------
    source : str, path-like, mapping, Keras model or PyTorch module
        A Keras JSON file, a `.keras` archive, ``json.loads(model.to_json())``, the
        model itself, a transformer's ``config.json`` as Hugging Face writes it, an
        ONNX file, whose weights are not read, or a PyTorch module.
    request : Request, optional
        Sizes that the description leaves open.

    Returns
    -------
    network : NetworkFile
        The network, its format and its hash.

    Raises
    ------
    InputFileError
        If the file is missing, too large, damaged or of another format.
    ArchitectureError
        If it does not describe a network.
    UsageError
        If the request does not suit the network.
    MissingExtraError
        If it is an ONNX file and the package onnx is not installed.

    Examples
    --------
    >>> layer = {"class_name": "Dense", "config": {"units": 2, "input_shape": [4]}}
    >>> network = read_network(
    ...     {"class_name": "Sequential", "config": {"name": "net", "layers": [layer]}}
    ... )
    >>> network.architecture.name, network.format
    ('net', 'keras-json')
    """
    if isinstance(source, Mapping):
        check_depth(source, "the network description")
        return _described(source, "keras-json", request)
    if _is_torch_module(source) and not hasattr(source, "to_json"):
        return _module(source, request or Request())
    if not isinstance(source, str | os.PathLike):
        from predictor.readers.keras_model import describe_model

        shapes = request.input_shapes if request else ()
        return _described(describe_model(source, shapes), "keras-model", request)
    where = os.fspath(source)
    found: Format = "keras-json"
    with open_regular_file(source) as file:
        start = file.read(8)
        file.seek(0)
        if start.startswith(_ONNX_FIRST_BYTE):
            return _onnx(file, where, request or Request())
        if start.startswith(MAGIC):
            found = "keras-archive"
            content = read_archive_config(file, where)
        else:
            content = read_capped(file, where)
    for magic, advice in _OTHER_FORMATS.items():
        if start.startswith(magic):
            raise InputFileError(f"cannot read {where!r}: it is {advice}")
    value = parse_json(content, where)
    if isinstance(value, str):  # json.dump(model.to_json()) quotes the text once more
        value = parse_json(value.encode("utf-8", "surrogatepass"), where)
    if not isinstance(value, dict):
        raise InputFileError(
            f"cannot read {where!r}: it holds no JSON object; write model.to_json() "
            "to the file"
        )
    try:
        return _described(value, found, request)
    except ArchitectureError as error:
        error.add_note(f"in {where!r}")
        raise


def network_sha256(description: Mapping[str, object]) -> str:
    """Return the content hash of a network description.

    Parameters
    ----------
    description : mapping
        The parsed JSON.

    Returns
    -------
    sha256 : str
        SHA-256 of the canonical JSON, in hexadecimal.

    Raises
    ------
    ArchitectureError
        If the description is not JSON.

    Examples
    --------
    >>> network_sha256({"b": 1, "a": 2}) == network_sha256({"a": 2, "b": 1})
    True
    """
    try:
        canonical = json.dumps(
            description, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise ArchitectureError(
            f"the network description is not JSON ({error}); give "
            "json.loads(model.to_json())"
        ) from error
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def _onnx(file: IO[bytes], where: str, request: Request) -> NetworkFile:
    # Imported where they are needed: most networks are in another format.
    from predictor.readers.onnx_graph import read_onnx
    from predictor.readers.onnx_skim import skim

    content = skim(file, where)
    try:
        architecture = read_onnx(content, where, request.input_shapes)
    except ArchitectureError as error:
        error.add_note(f"in {where!r}")
        raise
    return NetworkFile(
        architecture=architecture,
        format="onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        description={},
    )


def _is_torch_module(source: object) -> bool:
    torch = sys.modules.get("torch")  # who has a module has imported it
    return torch is not None and isinstance(source, torch.nn.Module)


def _module(module: object, request: Request) -> NetworkFile:
    from predictor.readers.torch_module import read_module

    architecture = read_module(module, request.input_shapes)
    operators = [
        {
            "kind": one.layer.kind,
            "settings": one.layer.settings,
            "trainable": one.layer.trainable,
            "inputs": [[tensor.node, tensor.output] for tensor in one.inputs],
        }
        for one in architecture.nodes
    ]
    return NetworkFile(
        architecture=architecture,
        format="torch-module",
        sha256=network_sha256({"operators": operators}),
        description={},
    )


def _described(
    description: Mapping[str, object], found: Format, request: Request | None
) -> NetworkFile:
    assumptions: tuple[str, ...] = ()
    if is_config(description):
        from predictor.readers.huggingface.reading import read_config

        found = "huggingface-config"
        architecture, assumptions = read_config(description, request or Request())
    elif request and (request.decode or request.sequence_length is not None):
        raise UsageError(
            "a sequence length and decoding are asked of a Hugging Face config.json "
            "only; a Keras network says its shapes itself"
        )
    else:
        architecture = network_in(description)
        found = "operators-json" if are_operators(description) else found
    return NetworkFile(
        architecture=architecture,
        format=found,
        sha256=network_sha256(description),
        description=description,
        assumptions=assumptions,
    )
