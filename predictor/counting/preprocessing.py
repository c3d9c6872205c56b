"""Counting rules of layers that prepare data, and a list of what cannot be counted."""

from functools import partial
from math import ceil, log2

from predictor.architecture import Shape
from predictor.counting.convolution import window_sizes
from predictor.counting.operation import Operation, OperationKind
from predictor.counting.parts import elementwise, matmul, product
from predictor.counting.rule import Call, Counted, Rule, Weight
from predictor.counting.settings import Settings
from predictor.counting.shapes import (
    join_channels,
    known,
    only_input,
    split_channels,
)

_AUGMENTATIONS: dict[OperationKind, tuple[str, ...]] = {
    "elementwise": (
        "AugMix",
        "AutoContrast",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "CutMix",
        "Equalization",
        "MixUp",
        "RandAugment",
        "RandomBrightness",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomContrast",
        "RandomErasing",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPosterization",
        "RandomSaturation",
        "Solarization",
    ),
    "gather": (
        "RandomElasticTransform",
        "RandomFlip",
        "RandomPerspective",
        "RandomRotation",
        "RandomShear",
        "RandomTranslation",
        "RandomZoom",
    ),
    "depthwise": ("RandomGaussianBlur", "RandomSharpness"),
}
"""Layers that change images in training alone, by the work that they do most."""

_TEXT = (
    "text and hashes are prepared by TensorFlow outside the network; feed it numbers"
)
_FOREIGN = "what it does is code of another framework, which the description lacks"
_BASE = "it is a base class, and does nothing by itself"
_CELL = "a cell is counted inside the RNN layer that repeats it"

NOT_COUNTED: dict[str, str] = {
    "FlaxLayer": _FOREIGN,
    "GRUCell": _CELL,
    "HashedCrossing": _TEXT,
    "Hashing": _TEXT,
    "InputSpec": "it describes tensors, and is no layer",
    "IntegerLookup": _TEXT,
    "JaxLayer": _FOREIGN,
    "LSTMCell": _CELL,
    "Lambda": "what it does is Python code, which is never run; use keras.ops",
    "Layer": _BASE,
    "Pipeline": "its layers prepare data outside the network; count them by themselves",
    "SimpleRNNCell": _CELL,
    "StackedRNNCells": _CELL,
    "StringLookup": _TEXT,
    "TFSMLayer": _FOREIGN,
    "TextVectorization": _TEXT,
    "TorchModuleWrapper": _FOREIGN,
    "Wrapper": _BASE,
}
"""Why layers of Keras have no rule."""


def _augmentation(call: Call, *, kind: OperationKind) -> Counted:
    """Count one pass over the image; how many a layer makes is drawn at random."""
    shape = only_input(call)
    operation = elementwise(product(shape), kind=kind, training_only=True)
    return Counted(outputs=(shape,), operations=(operation,))


def _unchanged(call: Call) -> Counted:
    return Counted(outputs=(only_input(call),))


def _random_crop(call: Call) -> Counted:
    settings = call.settings
    _, channels = split_channels(only_input(call, rank=3), settings)
    sizes = (settings.integer("height"), settings.integer("width"))
    output = join_channels(sizes, channels, settings)
    copy = elementwise(product(output), kind="copy")
    return Counted(outputs=(output,), operations=(copy,))


def _encoded(call: Call, tokens: int, mode: str) -> Shape:
    shape = only_input(call)
    if not shape:
        return (tokens,)
    apart = mode == "one_hot" and (shape[-1] != 1 or len(shape) == 1)
    return (*shape, tokens) if apart else (*shape[:-1], tokens)


def _category_encoding(call: Call) -> Counted:
    settings = call.settings
    modes = ("one_hot", "multi_hot", "count")
    mode = settings.text("output_mode", "multi_hot", allowed=modes)
    output = _encoded(call, settings.integer("num_tokens"), mode)
    operation = elementwise(product(output), kind="gather")
    return Counted(outputs=(output,), operations=(operation,))


def _discretization(call: Call) -> Counted:
    settings = call.settings
    shape = only_input(call)
    modes = ("int", "one_hot", "multi_hot", "count")
    mode = settings.text("output_mode", "int", allowed=modes)
    edges = settings.raw("bin_boundaries")
    bins = len(edges) + 1 if isinstance(edges, list | tuple) else None
    if bins is None:
        bins = settings.integer("num_bins")
    output = shape if mode == "int" else _encoded(call, bins, mode)
    search = elementwise(product(shape), kind="gather")
    return Counted(outputs=(output,), operations=(search,))


def _transform_length(settings: Settings, frame: int) -> int:
    return settings.integer("fft_length", 2 ** ceil(log2(frame)))


_STFT_PARTS = ("real", "imag", "angle", "stft", "psd", "magnitude", "log")


def _short_time_fourier_transform(call: Call) -> Counted:
    """Count convolutions with sines and cosines, as Keras carries them out."""
    settings = call.settings
    spatial, channels = split_channels(only_input(call, rank=2), settings)
    mode = settings.text("mode", "log", allowed=_STFT_PARTS)
    frame = settings.integer("frame_length", 256)
    step = settings.integer("frame_step", max(1, frame // 2))
    frequencies = _transform_length(settings, frame) // 2 + 1
    frames = window_sizes(
        spatial,
        kernel=(frame,),
        strides=(step,),
        dilation=(1,),
        padding=settings.text("padding", "valid", allowed=("valid", "same")),
        settings=settings,
    )
    signals = known(channels, settings, "number of channels")
    parts = 1 if mode in {"real", "imag"} else 2
    written = product(frames) * frequencies * signals
    convolution = Operation(
        kind="convolution",
        macs=written * frame,
        read=product(spatial) * signals,
        written=written,
        weights=frame * frequencies,
        positions=product(frames),
        inner=frame,
        columns=frequencies,
        taps=frame,
        stride=step,
    )
    kernel = Weight(size=frame * frequencies)
    after: list[Operation] = []
    if mode == "stft":
        frequencies *= 2
        after = [elementwise(2 * written, kind="copy")]
    elif parts == 2:
        after = [
            elementwise(written, inputs=2),
            elementwise(written, kind="transcendental"),
        ]
    output = join_channels(frames, frequencies * signals, settings)
    if settings.flag("expand_dims", False):
        first = settings.raw("data_format") == "channels_first"
        ends = (*frames, frequencies)
        output = (signals, *ends) if first else (*ends, signals)
    return Counted(
        outputs=(output,),
        weights=(kernel,) * parts,
        operations=(*(convolution,) * parts, *after),
    )


def _mel_spectrogram(call: Call) -> Counted:
    """Count a fast Fourier transform of each frame as its additions and products."""
    settings = call.settings
    (samples,) = only_input(call, rank=1)
    length = settings.integer("fft_length", 2048)
    stride = settings.integer("sequence_stride", 512)
    bands = settings.integer("num_mel_bins", 128)
    frames = (known(samples, settings, "number of samples") + stride + 1) // stride
    butterflies = frames * length * max(1, ceil(log2(length)))
    frequencies = length // 2 + 1
    return Counted(
        outputs=((bands, frames),),
        operations=(
            elementwise(butterflies),
            elementwise(frames * frequencies, inputs=2),
            matmul(positions=frames, inner=frequencies, columns=bands, weighted=False),
            elementwise(frames * bands, kind="transcendental"),
        ),
    )


RULES: dict[str, Rule] = {
    "CategoryEncoding": _category_encoding,
    "Discretization": _discretization,
    "MaxNumBoundingBoxes": _unchanged,
    "MelSpectrogram": _mel_spectrogram,
    "RandomCrop": _random_crop,
    "STFTSpectrogram": _short_time_fourier_transform,
    **{
        name: partial(_augmentation, kind=kind)
        for kind, names in _AUGMENTATIONS.items()
        for name in names
    },
}
