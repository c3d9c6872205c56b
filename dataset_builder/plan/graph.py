"""How a network is written down as Keras 3 JSON, without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Size = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An edge of the graph under construction.

    Parameters
    ----------
    name : str
        Name of the layer that makes it.
    shape : tuple of int
        Shape without the batch axis.
    dtype : str, default="float32"
        Element type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def channels(self) -> int:
        """Size of the last axis."""
        return self.shape[-1]


class Graph:
    """A network under construction; the methods add one layer and return its output.

    Every method takes a tensor and knows the shape that the layer makes of it.
    Configuration keys with Keras' default are left out.

    Parameters
    ----------
    name : str, default="network"
        Name of the network.

    Examples
    --------
    >>> graph = Graph()
    >>> image = graph.input((32, 32, 3))
    >>> maps = graph.conv2d(image, 8, kernel=3, strides=2)
    >>> maps.shape
    (16, 16, 8)
    >>> network = graph.finish(graph.dense(graph.global_pool(maps), 10))
    >>> [layer["class_name"] for layer in network["config"]["layers"]]
    ['InputLayer', 'Conv2D', 'GlobalAveragePooling2D', 'Dense']
    """

    def __init__(self, name: str = "network") -> None:
        self._name = name
        self._layers: list[dict[str, object]] = []
        self._inputs: list[Tensor] = []

    def input(self, shape: tuple[int, ...], dtype: str = "float32") -> Tensor:
        """Add an input.

        Parameters
        ----------
        shape : tuple of int
            Shape of one sample.
        dtype : str, default="float32"
            Element type.

        Returns
        -------
        tensor : Tensor
            The input.
        """
        tensor = Tensor(f"input_{len(self._inputs)}", tuple(shape), dtype)
        config = {
            "batch_shape": [None, *shape],
            "dtype": dtype,
            "name": tensor.name,
        }
        self._append("InputLayer", tensor.name, config, [])
        self._inputs.append(tensor)
        return tensor

    def layer(
        self,
        kind: str,
        inputs: Tensor | Sequence[Tensor],
        shape: tuple[int, ...],
        *,
        merge: bool = False,
        **config: object,
    ) -> Tensor:
        """Add a layer of any kind.

        Parameters
        ----------
        kind : str
            Keras' class name.
        inputs : Tensor or sequence of Tensor
            What it is called on, by position.
        shape : tuple of int
            Shape of its output, without the batch axis.
        merge : bool, default=False
            Whether the layer takes its inputs as one list.
        **config : object
            Configuration keys; those that are None are left out.

        Returns
        -------
        tensor : Tensor
            The layer's output.
        """
        name = f"{kind.lower()}_{len(self._layers)}"
        tensors = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        references: list[object] = [_reference(tensor) for tensor in tensors]
        node: dict[str, object] = {
            "args": [references] if merge else references,
            "kwargs": {},
        }
        kept = {key: value for key, value in config.items() if value is not None}
        self._append(kind, name, {"name": name, **kept}, [node])
        return Tensor(name, tuple(shape))

    def finish(self, outputs: Tensor | Sequence[Tensor]) -> dict[str, object]:
        """Return the finished description.

        Parameters
        ----------
        outputs : Tensor or sequence of Tensor
            What the network returns.

        Returns
        -------
        network : dict
            Keras 3 JSON of a ``Functional`` model.
        """
        tensors = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        return {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": {
                "name": self._name,
                "layers": self._layers,
                "input_layers": [[tensor.name, 0, 0] for tensor in self._inputs],
                "output_layers": [[tensor.name, 0, 0] for tensor in tensors],
            },
        }

    def _append(
        self, kind: str, name: str, config: Mapping[str, object], nodes: list[object]
    ) -> None:
        self._layers.append(
            {
                "module": "keras.layers",
                "class_name": kind,
                "config": dict(config),
                "name": name,
                "inbound_nodes": nodes,
            }
        )

    def dense(
        self,
        tensor: Tensor,
        units: int,
        *,
        activation: str | None = None,
        use_bias: bool = True,
    ) -> Tensor:
        """Add a dense layer.

        Parameters
        ----------
        tensor : Tensor
            Input; the layer works on the last axis.
        units : int
            Output features.
        activation : str, optional
            Keras' name of an activation.
        use_bias : bool, default=True
            Whether a bias is added.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        return self.layer(
            "Dense",
            tensor,
            (*tensor.shape[:-1], units),
            units=units,
            activation=activation,
            use_bias=None if use_bias else False,
        )

    def conv2d(
        self,
        tensor: Tensor,
        filters: int,
        *,
        kernel: Size,
        strides: int = 1,
        groups: int = 1,
        padding: str = "same",
        activation: str | None = None,
        use_bias: bool = True,
    ) -> Tensor:
        """Add a two-dimensional convolution.

        Parameters
        ----------
        tensor : Tensor
            Maps of shape (height, width, channels).
        filters : int
            Output channels, a multiple of `groups`.
        kernel : int or (int, int)
            Size of the kernel.
        strides : int, default=1
            Step of the kernel in both directions.
        groups : int, default=1
            Number of groups; divides the input channels.
        padding : {"same", "valid"}, default="same"
            Whether the border is padded.
        activation : str, optional
            Keras' name of an activation.
        use_bias : bool, default=True
            Whether a bias is added.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        return self.layer(
            "Conv2D",
            tensor,
            (*swept(tensor.shape[:-1], kernel, strides, padding), filters),
            filters=filters,
            kernel_size=_pair(kernel),
            strides=[strides, strides] if strides > 1 else None,
            groups=groups if groups > 1 else None,
            padding=padding if padding != "valid" else None,
            activation=activation,
            use_bias=None if use_bias else False,
        )

    def conv1d(
        self,
        tensor: Tensor,
        filters: int,
        *,
        kernel: int,
        strides: int = 1,
        dilation: int = 1,
        activation: str | None = None,
    ) -> Tensor:
        """Add a one-dimensional convolution with padding.

        Parameters
        ----------
        tensor : Tensor
            Sequence of shape (length, channels).
        filters : int
            Output channels.
        kernel : int
            Length of the kernel.
        strides : int, default=1
            Step of the kernel.
        dilation : int, default=1
            Distance of the kernel's points; 1 where `strides` is above 1.
        activation : str, optional
            Keras' name of an activation.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        return self.layer(
            "Conv1D",
            tensor,
            (-(-tensor.shape[0] // strides), filters),
            filters=filters,
            kernel_size=[kernel],
            strides=[strides] if strides > 1 else None,
            dilation_rate=[dilation] if dilation > 1 else None,
            padding="same",
            activation=activation,
        )

    def depthwise(
        self,
        tensor: Tensor,
        *,
        kernel: int,
        strides: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
    ) -> Tensor:
        """Add a depthwise convolution with padding.

        Parameters
        ----------
        tensor : Tensor
            Maps of shape (height, width, channels).
        kernel : int
            Size of the kernel.
        strides : int, default=1
            Step of the kernel in both directions.
        activation : str, optional
            Keras' name of an activation.
        use_bias : bool, default=True
            Whether a bias is added.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        return self.layer(
            "DepthwiseConv2D",
            tensor,
            (*swept(tensor.shape[:-1], kernel, strides, "same"), tensor.channels),
            kernel_size=_pair(kernel),
            strides=[strides, strides] if strides > 1 else None,
            padding="same",
            activation=activation,
            use_bias=None if use_bias else False,
        )

    def transposed(
        self,
        tensor: Tensor,
        filters: int,
        *,
        kernel: int,
        strides: int,
        activation: str | None = None,
        use_bias: bool = True,
    ) -> Tensor:
        """Add a two-dimensional transposed convolution with padding.

        Parameters
        ----------
        tensor : Tensor
            Maps of shape (height, width, channels).
        filters : int
            Output channels.
        kernel : int
            Size of the kernel.
        strides : int
            Factor by which the maps grow in both directions.
        activation : str, optional
            Keras' name of an activation.
        use_bias : bool, default=True
            Whether a bias is added.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        height, width, _ = tensor.shape
        return self.layer(
            "Conv2DTranspose",
            tensor,
            (height * strides, width * strides, filters),
            filters=filters,
            kernel_size=_pair(kernel),
            strides=[strides, strides],
            padding="same",
            activation=activation,
            use_bias=None if use_bias else False,
        )

    def upsample(self, tensor: Tensor, *, kind: str = "nearest") -> Tensor:
        """Double the maps in both directions.

        Parameters
        ----------
        tensor : Tensor
            Maps of shape (height, width, channels).
        kind : {"nearest", "bilinear"}, default="nearest"
            How values in between are found.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        height, width, channels = tensor.shape
        return self.layer(
            "UpSampling2D",
            tensor,
            (height * 2, width * 2, channels),
            size=[2, 2],
            interpolation=kind,
        )

    def separable(
        self,
        tensor: Tensor,
        filters: int,
        *,
        kernel: int,
        strides: int = 1,
        activation: str | None = None,
        use_bias: bool = True,
    ) -> Tensor:
        """Add a separable convolution with padding.

        Parameters
        ----------
        tensor : Tensor
            Maps of shape (height, width, channels).
        filters : int
            Output channels.
        kernel : int
            Size of the kernel.
        strides : int, default=1
            Step of the kernel in both directions.
        activation : str, optional
            Keras' name of an activation.
        use_bias : bool, default=True
            Whether a bias is added.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        return self.layer(
            "SeparableConv2D",
            tensor,
            (*swept(tensor.shape[:-1], kernel, strides, "same"), filters),
            filters=filters,
            kernel_size=_pair(kernel),
            strides=[strides, strides] if strides > 1 else None,
            padding="same",
            activation=activation,
            use_bias=None if use_bias else False,
        )

    def pool(
        self, tensor: Tensor, *, kind: str = "max", size: int = 2, strides: int = 2
    ) -> Tensor:
        """Add a local pooling with padding.

        Parameters
        ----------
        tensor : Tensor
            Of shape (height, width, channels) or (length, channels).
        kind : {"max", "average"}, default="max"
            What is taken of a window.
        size : int, default=2
            Size of the window along each axis.
        strides : int, default=2
            Step of the window.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        places = tensor.shape[:-1]
        stem = "MaxPooling" if kind == "max" else "AveragePooling"
        return self.layer(
            f"{stem}{len(places)}D",
            tensor,
            (*swept(places, size, strides, "same"), tensor.channels),
            pool_size=[size] * len(places),
            strides=[strides] * len(places),
            padding="same",
        )

    def global_pool(self, tensor: Tensor, *, kind: str = "average") -> Tensor:
        """Add a pooling over all positions.

        Parameters
        ----------
        tensor : Tensor
            Of shape (height, width, channels) or (length, channels).
        kind : {"average", "max"}, default="average"
            What is taken.

        Returns
        -------
        tensor : Tensor
            The output, of shape (channels,).
        """
        axes = len(tensor.shape) - 1
        stem = "GlobalMaxPooling" if kind == "max" else "GlobalAveragePooling"
        return self.layer(f"{stem}{axes}D", tensor, (tensor.channels,))

    def same(self, kind: str, tensor: Tensor, **config: object) -> Tensor:
        """Add a layer that keeps the shape, such as an activation or a normalisation.

        Parameters
        ----------
        kind : str
            Keras' class name.
        tensor : Tensor
            Input.
        **config : object
            Configuration keys.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        return self.layer(kind, tensor, tensor.shape, merge=False, **config)

    def activation(self, tensor: Tensor, name: str) -> Tensor:
        """Add an activation as a layer of its own.

        Parameters
        ----------
        tensor : Tensor
            Input.
        name : str
            Keras' name of an activation.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        return self.same("Activation", tensor, activation=name)

    def flatten(self, tensor: Tensor) -> Tensor:
        """Flatten all axes but the batch axis.

        Parameters
        ----------
        tensor : Tensor
            Input.

        Returns
        -------
        tensor : Tensor
            The output, of one axis.
        """
        size = 1
        for axis in tensor.shape:
            size *= axis
        return self.layer("Flatten", tensor, (size,))

    def merge(self, tensors: Sequence[Tensor], *, kind: str = "Add") -> Tensor:
        """Join tensors of the same shape, or along the last axis.

        Parameters
        ----------
        tensors : sequence of Tensor
            What is joined.
        kind : str, default="Add"
            Keras' class name; ``"Concatenate"`` joins along the last axis.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        shape = tensors[0].shape
        if kind == "Concatenate":
            shape = (*shape[:-1], sum(tensor.channels for tensor in tensors))
        return self.layer(kind, tensors, shape, merge=True)

    def embedding(self, tensor: Tensor, vocabulary: int, dim: int) -> Tensor:
        """Look tokens up in a table.

        Parameters
        ----------
        tensor : Tensor
            Tokens of shape (length,).
        vocabulary : int
            Rows of the table.
        dim : int
            Columns of the table.

        Returns
        -------
        tensor : Tensor
            The output, of shape (length, dim).
        """
        return self.layer(
            "Embedding",
            tensor,
            (*tensor.shape, dim),
            input_dim=vocabulary,
            output_dim=dim,
        )

    def recurrent(
        self,
        tensor: Tensor,
        units: int,
        *,
        kind: str,
        sequences: bool,
        bidirectional: bool = False,
    ) -> Tensor:
        """Add a recurrent layer.

        Parameters
        ----------
        tensor : Tensor
            Sequence of shape (length, features).
        units : int
            Units of one direction.
        kind : {"LSTM", "GRU", "SimpleRNN"}
            Keras' class name.
        sequences : bool
            Whether every time step's output is returned.
        bidirectional : bool, default=False
            Whether a second layer reads backwards.

        Returns
        -------
        tensor : Tensor
            The output.
        """
        width = units * (2 if bidirectional else 1)
        shape = (tensor.shape[0], width) if sequences else (width,)
        flag = True if sequences else None
        if not bidirectional:
            return self.layer(kind, tensor, shape, units=units, return_sequences=flag)
        config = {"name": f"{kind.lower()}_inner_{len(self._layers)}", "units": units}
        inner = {
            "module": "keras.layers",
            "class_name": kind,
            "config": {**config, "return_sequences": True} if sequences else config,
        }
        return self.layer("Bidirectional", tensor, shape, layer=inner)

    def attention(self, tensor: Tensor, *, heads: int, key_dim: int) -> Tensor:
        """Add multi-head self-attention.

        Parameters
        ----------
        tensor : Tensor
            Sequence of shape (length, features).
        heads : int
            Number of heads.
        key_dim : int
            Size of each head's keys.

        Returns
        -------
        tensor : Tensor
            The output, of the same shape.
        """
        return self.layer(
            "MultiHeadAttention",
            [tensor, tensor],
            tensor.shape,
            num_heads=heads,
            key_dim=key_dim,
        )


def swept(
    sizes: tuple[int, ...], kernel: Size, strides: int, padding: str
) -> tuple[int, ...]:
    """Return the map that a kernel leaves.

    Parameters
    ----------
    sizes : tuple of int
        Height and width.
    kernel : int or (int, int)
        Size of the kernel.
    strides : int
        Step of the kernel.
    padding : {"same", "valid"}
        Whether the border is padded.

    Returns
    -------
    sizes : tuple of int
        Height and width of the output.

    Examples
    --------
    >>> swept((7, 7), 3, 2, "same"), swept((7, 7), 3, 2, "valid")
    ((4, 4), (3, 3))
    """
    if padding == "same":
        return tuple(-(-size // strides) for size in sizes)
    pairs = zip(sizes, _pair(kernel), strict=True)
    return tuple((size - points) // strides + 1 for size, points in pairs)


def _pair(size: Size) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


def _reference(tensor: Tensor) -> dict[str, object]:
    return {
        "class_name": "__keras_tensor__",
        "config": {
            "shape": [None, *tensor.shape],
            "dtype": tensor.dtype,
            "keras_history": [tensor.name, 0, 0],
        },
    }
