"""Hugging Face's ``config.json``: transformers described by a dozen numbers."""

from collections.abc import Mapping


def is_config(description: Mapping[str, object]) -> bool:
    """Say whether parsed JSON is the configuration of a transformer.

    Parameters
    ----------
    description : mapping
        Any JSON object.

    Returns
    -------
    is_config : bool
        Whether it names a ``model_type`` and is no Keras network.

    Examples
    --------
    >>> is_config({"model_type": "gpt2", "n_layer": 12})
    True
    """
    return "model_type" in description and "class_name" not in description
