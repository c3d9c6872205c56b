"""What goes into a transformer: positions, looked up in tables."""

from __future__ import annotations

from predictor.architecture import Layer
from predictor.errors import UsageError
from predictor.readers.building import NetworkBuilder
from predictor.readers.huggingface.blocks import Tokens
from predictor.readers.huggingface.config import LARGEST_SIZE
from predictor.readers.request import Request

USUAL_SEQUENCE_LENGTH = 512
"""Taken where none is given, or the longest that the network allows if that is less."""


def positions_of(request: Request, longest: int | None) -> int:
    """Return the length of a sequence.

    Parameters
    ----------
    request : Request
        What was asked for.
    longest : int or None
        The most positions that the network allows; None for any number.

    Returns
    -------
    positions : int
        As asked for, or the usual number.

    Raises
    ------
    UsageError
        If more were asked for than the network allows.
    """
    most = longest or LARGEST_SIZE
    if request.sequence_length is None:
        return min(USUAL_SEQUENCE_LENGTH, most)
    if not 1 <= request.sequence_length <= most:
        raise UsageError(
            f"the sequence length must be from 1 to {most} here, "
            f"got {request.sequence_length}"
        )
    return request.sequence_length


def embedded(
    net: NetworkBuilder, positions: int, rows: int, width: int, name: str
) -> Tokens:
    """Look each position up in a table of its own.

    Parameters
    ----------
    net : NetworkBuilder
        What it becomes part of.
    positions : int
        How many are looked up.
    rows, width : int
        Of the table.
    name : str
        Of the table.

    Returns
    -------
    tokens : Tokens
        Of shape (positions, width).
    """
    table = net.layer("Embedding", name=name, input_dim=rows, output_dim=width)
    looked_up = net.add(table, net.input((positions,), name=f"{name}_ids"))
    return Tokens(net=net, tensor=looked_up, positions=positions, width=width)


def vocabulary_table(net: NetworkBuilder, rows: int, width: int) -> Layer:
    """Return the table of words, which may also score them.

    Parameters
    ----------
    net : NetworkBuilder
        What it becomes part of.
    rows, width : int
        Words, and features of each.

    Returns
    -------
    table : Layer
        Not used yet.
    """
    return net.layer(
        "ReversibleEmbedding", name="word", input_dim=rows, output_dim=width
    )


def embedded_words(
    net: NetworkBuilder, table: Layer, positions: int, width: int
) -> Tokens:
    """Look words up.

    Parameters
    ----------
    net : NetworkBuilder
        What it becomes part of.
    table : Layer
        As `vocabulary_table` returned it.
    positions, width : int
        Words of a sample, and features of each.

    Returns
    -------
    tokens : Tokens
        Of shape (positions, width).
    """
    looked_up = net.add(table, net.input((positions,), name="token_ids"))
    return Tokens(net=net, tensor=looked_up, positions=positions, width=width)
