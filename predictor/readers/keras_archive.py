"""The `.keras` format: a zip archive of which only ``config.json`` is read."""

import io
import os
import zipfile
import zlib
from typing import IO

from predictor.errors import InputFileError
from predictor.readers.limits import LARGEST_FILE_BYTES

MAGIC = b"PK"
LARGEST_DIRECTORY_BYTES = 2**20
"""Some 10,000 entries; Keras writes three."""
_MEMBER = "config.json"


class _BoundedReads(io.RawIOBase):
    """A file of which no single read may be larger than a limit.

    The directory of an archive is read in one piece of the size it declares.
    """

    def __init__(self, file: IO[bytes], where: str) -> None:
        self._file = file
        self._where = where

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        limit = LARGEST_DIRECTORY_BYTES
        found = self._file.read(limit + 1 if size < 0 else min(size, limit + 1))
        if len(found) > limit:
            raise InputFileError(
                f"cannot read {self._where!r}: the archive's directory is larger than "
                f"{limit} bytes; it was not written by Keras"
            )
        return found


def read_archive_config(file: IO[bytes], where: str) -> bytes:
    """Return the network description in a `.keras` archive.

    Parameters
    ----------
    file : binary file
        The archive; it may have any size, for its weights are not read.
    where : str
        Name of the file, for the message.

    Returns
    -------
    content : bytes
        The member ``config.json``, of at most `LARGEST_FILE_BYTES`.

    Raises
    ------
    InputFileError
        If it is no archive, has no such member, or the member is damaged,
        encrypted or too large.

    Examples
    --------
    >>> archive = io.BytesIO()
    >>> with zipfile.ZipFile(archive, "w") as zipped:
    ...     zipped.writestr("config.json", "{}")
    >>> read_archive_config(archive, "net.keras")
    b'{}'
    """
    content = bytearray()
    try:
        with (
            zipfile.ZipFile(_BoundedReads(file, where)) as archive,
            archive.open(_MEMBER) as member,
        ):
            # Whatever size the archive declares, no more than this is unpacked.
            while len(content) <= LARGEST_FILE_BYTES:
                piece = member.read(2**16)
                if not piece:
                    return bytes(content)
                content += piece
    except KeyError as error:
        raise InputFileError(
            f"cannot read {where!r}: the archive has no {_MEMBER}; give a .keras file "
            "saved by Keras 3"
        ) from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        if isinstance(error, InputFileError):
            raise
        raise InputFileError(
            f"cannot read {where!r}: the archive is damaged or encrypted "
            f"({error!s:.200}); save the model again"
        ) from error
    raise InputFileError(
        f"cannot read {where!r}: its {_MEMBER} is larger than "
        f"{LARGEST_FILE_BYTES // 2**20} MiB"
    )
