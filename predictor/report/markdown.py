"""Text that Markdown shows as it is."""

from __future__ import annotations


def escaped(text: str) -> str:
    r"""Write text so that Markdown shows it as it is.

    Parameters
    ----------
    text : str
        Anything; names come from files of strangers.

    Returns
    -------
    text : str
        With a backslash before what Markdown would take for its own.

    Examples
    --------
    >>> print(escaped("conv_1 | <b>"))
    conv\_1 \| \<b\>
    """
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in text)
