"""Short descriptions of networks for tests, without Keras."""


def layer(kind, name=None, **settings):
    """Describe a layer as Keras' JSON does, with the settings given."""
    return {"class_name": kind, "config": settings | ({"name": name} if name else {})}


def sequential(shape, *layers, name="net", **settings):
    """Describe a Sequential network on inputs of a shape without batch axis."""
    first = layer("InputLayer", batch_shape=[None, *shape])
    config = {"name": name, "layers": [first, *layers]} | settings
    return {"class_name": "Sequential", "config": config}


def tensor(name, node=0, output=0):
    """Describe the output of a layer's use."""
    history = [name, node, output]
    return {"class_name": "__keras_tensor__", "config": {"keras_history": history}}


def functional(layers, outputs, *, inputs=("x",), shape=(4,), name="net", **settings):
    """Describe a Functional network.

    `layers` maps a name to a layer and a list of calls, each call a list of
    arguments; `outputs` is a list of ``[name, node, output]``.
    """
    described = [
        layer("InputLayer", batch_shape=[None, *shape])
        | {"name": key, "inbound_nodes": []}
        for key in inputs
    ]
    for key, (what, calls) in layers.items():
        nodes = [{"args": list(arguments), "kwargs": {}} for arguments in calls]
        described.append(what | {"name": key, "inbound_nodes": nodes})
    config = {
        "name": name,
        "layers": described,
        "input_layers": [[key, 0, 0] for key in inputs],
        "output_layers": outputs,
    }
    return {"class_name": "Functional", "config": config | settings}
