"""What a tool packs (zstd) into a field of its database. Pure."""

from __future__ import annotations

import io

import zstandard

from openusage.providers._loose import Unreadable


def unpacked(data: bytes, most: int) -> bytes:
    """The bytes that were packed, `most` of them at most.

    Raises:
        Unreadable: damaged, or more than that.
    """
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
            found = reader.read(most + 1)
    except zstandard.ZstdError:
        raise Unreadable("damaged, as it is packed") from None
    if len(found) > most:
        raise Unreadable("too large to be unpacked")
    return found
