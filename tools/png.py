"""Makes a screenshot several times smaller: at most 256 colours, plenty for text on one ground.

Reads what Chromium writes: 8 bits a channel, RGB or RGBA, not interlaced (PNG specification, 3rd edition).
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {2: 3, 6: 4}
_COLOURS = 256


def smaller(png: bytes) -> bytes:
    """The same picture with a palette. Raises `ValueError` for a kind of PNG that is not read here."""
    width, height, rows = _decoded(png)
    pixels = [row[n : n + 3] for row in rows for n in range(0, len(row), len(row) // width)]
    counts = Counter(pixels)
    palette, index = _palette(counts)
    body = bytearray()
    for y in range(height):
        body.append(0)
        body += bytes(index[p] for p in pixels[y * width : (y + 1) * width])
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", b"".join(palette)), (b"IDAT", zlib.compress(bytes(body), 9)))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in (*parts, (b"IEND", b"")))


def _palette(counts: Counter[bytes]) -> tuple[list[bytes], dict[bytes, int]]:
    """The commonest colour of each of the commonest regions; for every colour the nearest of them."""
    regions: dict[bytes, bytes] = {}
    weights: Counter[bytes] = Counter()
    for colour, count in counts.most_common():
        region = bytes(part >> 3 for part in colour)
        regions.setdefault(region, colour)
        weights[region] += count
    palette = [regions[region] for region, _ in weights.most_common(_COLOURS)]
    index = {colour: at for at, colour in enumerate(palette)}
    known = dict(index)
    for colour in counts:
        if colour not in index:
            index[colour] = known[min(palette, key=lambda p, c=colour: _distance(p, c))]  # type: ignore[misc]
    return palette, index


def _distance(one: bytes, two: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, two, strict=True))


def _decoded(png: bytes) -> tuple[int, int, list[bytes]]:
    """(width, height, unfiltered rows)."""
    if not png.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    chunks = list(_chunks(png))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", dict(chunks)[b"IHDR"])
    if depth != 8 or kind not in _CHANNELS or interlaced:
        raise ValueError(f"a PNG of kind {kind}, {depth} bits, interlaced {interlaced}")
    step = _CHANNELS[kind]
    data = zlib.decompress(b"".join(part for name, part in chunks if name == b"IDAT"))
    rows: list[bytes] = []
    before = bytes(width * step)
    for y in range(height):
        at = y * (width * step + 1)
        before = _unfiltered(data[at], data[at + 1 : at + 1 + width * step], before, step)
        rows.append(before)
    return width, height, rows


def _unfiltered(how: int, row: bytes, above: bytes, step: int) -> bytes:
    """One row by its filter: none, difference to the left, above, to both, or by Paeth's choice."""
    if how == 0:
        return row
    found = bytearray(row)
    for n, value in enumerate(row):
        left = found[n - step] if n >= step else 0
        if how == 1:
            guess = left
        elif how == 2:
            guess = above[n]
        elif how == 3:
            guess = (left + above[n]) // 2
        else:
            guess = _paeth(left, above[n], above[n - step] if n >= step else 0)
        found[n] = (value + guess) & 255
    return bytes(found)


def _paeth(left: int, above: int, corner: int) -> int:
    to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
