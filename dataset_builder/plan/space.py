"""What a sweep measures, in which order: a seeded, space-filling sequence."""

from __future__ import annotations

import bisect
import dataclasses
import heapq
import itertools
import random
import warnings
import zlib
from collections import deque
from collections.abc import Iterator

from scipy.stats import qmc

from dataset_builder.plan.configuration import Configuration, configuration
from dataset_builder.plan.cost import count_description, guess_step
from dataset_builder.plan.draw import DIMENSIONS, Draw
from dataset_builder.plan.families import FAMILIES
from dataset_builder.plan.probes import PROBES
from predictor.counting import NetworkCount
from predictor.features import FloatArray
from predictor.workload import Mode

BLOCK = {
    "dense": 3,
    "convolutional": 5,
    "separable": 6,
    "residual": 3,
    "decoder": 2,
    "recurrent": 3,
    "attention": 3,
    "probe_dense": 2,
    "probe_convolution": 4,
    "probe_depthwise": 4,
    "probe_separable": 1,
    "probe_pooling": 1,
    "probe_normalisation": 1,
    "probe_activation": 1,
    "probe_recurrent": 2,
    "probe_attention": 1,
    "probe_embedding": 1,
    "probe_convolution_1d": 1,
    "probe_upsampling": 2,
    "probe_merge": 1,
}
"""Networks of each family in every block of the sequence: 25 whole, 22 probes."""

OPENING = (
    "convolutional",
    "dense",
    "probe_convolution",
    "residual",
    "probe_dense",
    "recurrent",
    "attention",
    "separable",
    "decoder",
)
"""Families of the first draws, so that the shortest sweep already has them all."""

OPTIMIZERS = ("sgd", "sgd", "momentum", "rmsprop", "adam", "adam", "adam", "adamw")
EPOCHS = (1, 1, 2, 3)
LARGEST_BATCH = 256
STEP_LIMIT_S = 3.0
"""Longest guessed step; most real ones are several times shorter."""

MEMORY_LIMIT_BYTES = 3 * 1024**3
OPENING_DRAWS = 45
OPENING_STEP_S = 0.25
"""The first networks are quick ones: ten minutes must already make a model."""

STEP_BOUNDS_S = (0.002, 0.02, 0.2)
"""Guessed times that part quick steps from long ones."""

STEP_TURNS = (1, 2, 3, 2, 1, 3, 2, 0)
"""Which part each family draws from in turn, 0 the quickest. Sizes drawn evenly make
mostly tiny networks, and steps of real ones take 10 ms to 1 s."""

STEP_SEARCH = 24
"""Points looked at for a network of the wanted length, before the nearest is taken."""

PARAMS_LIMIT = 80_000_000
BFLOAT16_SHARE = 0.04
REPEAT_SHARE = 0.06
PAIR_DISTANCE = (3, 14)
"""Places between the two modes of one network."""

REPEAT_DISTANCE = (12, 40)
"""Places between a configuration and its duplicate."""

LARGEST_SKIP = 400
"""Rejected points in a row after which a family is given up: the limits are wrong."""


def default_plan(seed: int) -> Iterator[Configuration]:
    """Return the endless sequence of synthetic configurations.

    Any first part of it is spread over the whole space. Every network comes in
    training and in inference, a few places apart, and every sixteenth or so
    configuration comes again later, for the noise floor.

    Parameters
    ----------
    seed : int
        Seed of the design and of its order.

    Yields
    ------
    configuration : Configuration
        The next one to measure.

    Examples
    --------
    >>> plan = default_plan(seed=1)
    >>> first = list(itertools.islice(plan, 30))
    >>> {item.mode for item in first} == {"training", "inference"}
    True
    """
    shuffle = random.Random(seed)
    waiting: list[tuple[int, int, Configuration]] = []
    ticket = itertools.count()
    draws = _draws(seed, shuffle)
    place = 0

    def later(item: Configuration, distance: tuple[int, int]) -> None:
        due = place + shuffle.randint(*distance)
        heapq.heappush(waiting, (due, next(ticket), item))

    while True:
        if waiting and waiting[0][0] <= place:
            item = heapq.heappop(waiting)[2]
        else:
            item, partner = next(draws)
            if partner is not None:
                later(partner, PAIR_DISTANCE)
        yield item
        place += 1
        if item.repeat == 0 and shuffle.random() < REPEAT_SHARE:
            later(dataclasses.replace(item, repeat=1), REPEAT_DISTANCE)


def calibration_plan(seed: int) -> Iterator[Configuration]:
    """Return the default sequence without repeats and 16-bit types.

    Short sweeps that adapt a model to a machine spend every trial on a new network
    in the common dtype.

    Parameters
    ----------
    seed : int
        Seed of the design and of its order.

    Yields
    ------
    configuration : Configuration
        The next one to measure.
    """
    for item in default_plan(seed):
        if item.repeat == 0 and item.dtype == "float32":
            yield item


def _order(shuffle: random.Random) -> Iterator[str]:
    yield from OPENING
    while True:
        block = [family for family, count in BLOCK.items() for _ in range(count)]
        shuffle.shuffle(block)
        yield from block


def _points(family: str, seed: int) -> Iterator[FloatArray]:
    # One sequence per family, so that each fills its own space evenly.
    sampler = qmc.Sobol(
        DIMENSIONS, scramble=True, seed=zlib.crc32(f"{seed}/{family}".encode())
    )
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a size of no power of 2
            points = sampler.random(64)
        yield from points


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A point, the mode it is measured in first, and the part of its guessed time."""

    point: FloatArray
    mode: Mode
    part: int


def _draws(
    seed: int, shuffle: random.Random
) -> Iterator[tuple[Configuration, Configuration | None]]:
    points = {family: _points(family, seed) for family in BLOCK}
    passed: dict[str, deque[_Drawn]] = {
        family: deque(maxlen=STEP_SEARCH) for family in BLOCK
    }
    turns = {family: itertools.cycle(STEP_TURNS) for family in BLOCK}
    modes = itertools.cycle(_MODES)
    for number, family in enumerate(_order(shuffle)):
        limit_s = OPENING_STEP_S if number < OPENING_DRAWS else STEP_LIMIT_S
        dtype = "bfloat16" if shuffle.random() < BFLOAT16_SHARE else "float32"
        drawn = _draw(
            family, points[family], passed[family], next(turns[family]), modes, limit_s
        )
        if drawn is None:
            continue
        pair = _pair(family, drawn, dtype=dtype, limit_s=limit_s)
        yield pair[0], pair[1] if len(pair) > 1 else None


def _draw(
    family: str,
    points: Iterator[FloatArray],
    passed: deque[_Drawn],
    wanted: int,
    modes: Iterator[Mode],
    limit_s: float,
) -> _Drawn | None:
    """Return a point of the wanted length, else the nearest of those passed over."""
    for drawn in passed:
        if drawn.part == wanted and _pair(family, drawn, limit_s=limit_s):
            passed.remove(drawn)
            return drawn
    looked = 0
    for _ in range(LARGEST_SKIP):
        if looked == STEP_SEARCH:
            break
        point, mode = next(points), next(modes)
        pair = _pair(family, _Drawn(point, mode, part=0), limit_s=limit_s)
        if not pair:
            continue
        looked += 1
        drawn = _Drawn(
            point, mode, part=bisect.bisect(STEP_BOUNDS_S, _guess_s(pair[0]))
        )
        if drawn.part == wanted:
            return drawn
        passed.append(drawn)
    fitting = [drawn for drawn in passed if _pair(family, drawn, limit_s=limit_s)]
    if not fitting:
        return None
    nearest = min(fitting, key=lambda drawn: abs(drawn.part - wanted))
    passed.remove(nearest)
    return nearest


def _guess_s(item: Configuration) -> float:
    cost = guess_step(
        count_description(item.network),
        mode=item.mode,
        batch_size=item.batch_size,
        optimizer=item.optimizer,
    )
    return cost.duration_s


_MODES: tuple[Mode, Mode] = ("training", "inference")


def _pair(
    family: str, drawn: _Drawn, *, limit_s: float, dtype: str = "float32"
) -> list[Configuration]:
    draw, first = Draw(drawn.point), drawn.mode
    # Workload first: its coordinates are the same ones for every builder.
    batch = draw.size(1, LARGEST_BATCH, nice=draw.flag(0.75))
    own_batch = draw.flag(0.5)
    other_batch = draw.size(1, LARGEST_BATCH, nice=True)
    optimizer = draw.choice(OPTIMIZERS)
    epochs = draw.choice(EPOCHS)
    build = PROBES[family] if family in PROBES else draw.choice(FAMILIES[family])
    network = build(draw)
    count = count_description(network)
    classes = count.output_shapes[0][-1] or 1
    classifies = not draw.flag(0.2) and family not in PROBES and classes > 1
    pair = []
    for mode in sorted(_MODES, key=lambda mode: mode != first):
        item = configuration(
            network,
            family=family,
            mode=mode,
            batch_size=other_batch if own_batch and mode == "inference" else batch,
            epochs=epochs,
            optimizer=optimizer,
            dtype=dtype,
            loss="classification" if classifies else "regression",
        )
        if _fits(item, count, limit_s):
            pair.append(item)
    return pair


def _fits(item: Configuration, count: NetworkCount, limit_s: float) -> bool:
    if count.params > PARAMS_LIMIT:
        return False
    cost = guess_step(
        count,
        mode=item.mode,
        batch_size=item.batch_size,
        optimizer=item.optimizer,
    )
    return cost.duration_s <= limit_s and cost.memory_bytes <= MEMORY_LIMIT_BYTES
