"""A network written down layer by layer, for formats that give no layer list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from predictor.architecture import Architecture, Layer, Node, TensorRef
from predictor.errors import ArchitectureError
from predictor.readers.limits import MOST_LAYERS


class NetworkBuilder:
    """A network under construction; every layer added returns its output.

    Parameters
    ----------
    name : str
        Name of the network.

    Examples
    --------
    >>> net = NetworkBuilder("net")
    >>> hidden = net.add("Dense", net.input((8,)), units=4)
    >>> [node.layer.kind for node in net.finish(hidden).nodes]
    ['InputLayer', 'Dense']
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[Node] = []
        self._inputs: list[int] = []
        self._scopes: list[str] = []
        self._named: Counter[str] = Counter()

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Put a name before those of all layers added inside.

        Parameters
        ----------
        name : str
            Such as ``"layer_3"``.

        Yields
        ------
        None
            While the name is put there.
        """
        self._scopes.append(name)
        try:
            yield
        finally:
            self._scopes.pop()

    def input(self, shape: Sequence[int], *, name: str = "input") -> TensorRef:
        """Add an input.

        Parameters
        ----------
        shape : sequence of int
            Without the batch axis.
        name : str, default="input"
            Name of the layer.

        Returns
        -------
        tensor : TensorRef
            What is fed.
        """
        self._inputs.append(len(self._nodes))
        settings = {"batch_shape": [None, *shape]}
        return self._use(self.layer("InputLayer", name=name, **settings), ())

    def layer(self, kind: str, *, name: str | None = None, **settings: object) -> Layer:
        """Return a layer that is not used yet, to be used several times.

        Parameters
        ----------
        kind : str
            Keras' class name.
        name : str, optional
            By default the kind.
        **settings : object
            Keras' configuration.

        Returns
        -------
        layer : Layer
            With a name of its own.
        """
        full = "/".join([*self._scopes, name or kind.lower()])
        self._named[full] += 1
        times = self._named[full]
        return Layer(
            name=f"{full}_{times - 1}" if times > 1 else full,
            kind=kind,
            settings=settings,
        )

    def add(
        self,
        kind: str | Layer,
        *inputs: TensorRef,
        name: str | None = None,
        arguments: dict[str, object] | None = None,
        **settings: object,
    ) -> TensorRef:
        """Use a layer.

        Parameters
        ----------
        kind : str or Layer
            Keras' class name, or a layer that `layer` returned.
        *inputs : TensorRef
            What it takes.
        name : str, optional
            By default the kind.
        arguments : dict, optional
            Call arguments that are no tensors.
        **settings : object
            Keras' configuration.

        Returns
        -------
        tensor : TensorRef
            What it makes.
        """
        layer = (
            kind if isinstance(kind, Layer) else self.layer(kind, name=name, **settings)
        )
        return self._use(layer, inputs, arguments)

    def _use(
        self,
        layer: Layer,
        inputs: tuple[TensorRef, ...],
        arguments: dict[str, object] | None = None,
    ) -> TensorRef:
        if len(self._nodes) >= MOST_LAYERS:
            raise ArchitectureError(
                f"the network has more than {MOST_LAYERS} layers and layer uses"
            )
        self._nodes.append(Node(layer=layer, inputs=inputs, arguments=arguments or {}))
        return TensorRef(node=len(self._nodes) - 1)

    def finish(self, *outputs: TensorRef) -> Architecture:
        """Return the network.

        Parameters
        ----------
        *outputs : TensorRef
            What it returns.

        Returns
        -------
        architecture : Architecture
            All layers added so far.
        """
        return Architecture(
            name=self._name,
            nodes=tuple(self._nodes),
            inputs=tuple(self._inputs),
            outputs=outputs,
        )
