"""Counting rule of networks beside each other, of which each position takes a few."""

from dataclasses import replace

from predictor.counting.operation import Operation
from predictor.counting.parts import activation, elementwise, matmul, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.shapes import known, only_input


def _sparse_experts(call: Call) -> Counted:
    """Count gated networks and the router that chooses among them (Mixtral).

    Each sample touches the weights of as many experts as its positions choose, but no
    more than there are: positions are taken to choose evenly.
    """
    settings = call.settings
    shape = only_input(call, smallest_rank=1)
    width = known(shape[-1], settings, "last size of the input")
    units, experts = settings.integer("units"), settings.integer("experts")
    chosen = settings.integer("experts_per_token")
    if chosen > experts:
        raise settings.error(
            f"'experts_per_token' ({chosen}) must not exceed 'experts' ({experts})"
        )
    positions = product(shape[:-1])
    rows = positions * chosen
    touched = min(experts, rows)

    def expert(inner: int, columns: int) -> Operation:
        work = matmul(
            positions=max(1, rows // touched),
            inner=inner,
            columns=columns,
            groups=touched,
        )
        return replace(
            work,
            macs=rows * inner * columns,
            read=rows * inner,
            written=rows * columns,
        )

    return Counted(
        outputs=(shape,),
        weights=(
            Weight(size=width * experts),
            *(Weight(size=experts * width * units) for _ in range(3)),
        ),
        operations=(
            matmul(positions=positions, inner=width, columns=experts),
            *activation("softmax", positions * experts),
            expert(width, units),
            *activation(settings.raw("activation"), rows * units),
            expert(width, units),
            elementwise(rows * units, inputs=2),
            expert(units, width),
            Operation(kind="elementwise", read=rows * width, written=positions * width),
        ),
    )


RULES: dict[str, Rule] = {"SparseExperts": _sparse_experts}
