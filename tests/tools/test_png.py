"""A picture as a smaller PNG."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import png


def written(width: int, pixels: list[bytes], filters: list[int], kind: int = 2) -> bytes:
    """A PNG whose rows are filtered as told: 0 none, 1 by the left, 2 by the row above."""
    step = len(pixels[0])
    body = bytearray()
    before = bytes(width * step)
    for y, how in enumerate(filters):
        row = b"".join(pixels[y * width : (y + 1) * width])
        left = bytes(step) + row[:-step]
        guess = {0: bytes(len(row)), 1: left, 2: before}[how]
        body += bytes([how, *((a - b) & 255 for a, b in zip(row, guess, strict=True))])
        before = row
    header = struct.pack(">IIBBBBB", width, len(filters), 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(body))), (b"IEND", b""))
    return png._SIGNATURE + b"".join(png._chunk(name, data) for name, data in parts)


def shown(small: bytes, width: int) -> list[bytes]:
    """The pixels of a PNG with a palette."""
    chunks = dict(png._chunks(small))
    data = zlib.decompress(chunks[b"IDAT"])
    rows = [data[at + 1 : at + 1 + width] for at in range(0, len(data), width + 1)]
    return [chunks[b"PLTE"][3 * n : 3 * n + 3] for row in rows for n in row]


COLOUR = st.sampled_from([bytes((r, g, 40)) for r in (0, 90, 200) for g in (10, 128, 255)])


@given(st.lists(COLOUR, min_size=12, max_size=12), st.lists(st.integers(0, 2), min_size=3, max_size=3))
@settings(max_examples=40)
def test_a_picture_of_few_colours_stays_exactly_as_it_is(pixels: list[bytes], filters: list[int]) -> None:
    assert shown(png.smaller(written(4, pixels, filters)), 4) == pixels


def test_the_opacity_of_a_screenshot_is_left_out() -> None:
    assert shown(png.smaller(written(2, [b"abc\xff", b"xyz\xff"], [1], kind=6)), 2) == [b"abc", b"xyz"]


def test_many_colours_become_their_nearest() -> None:
    pixels = [bytes((n % 256, n // 4 % 256, n // 2 % 256)) for n in range(4096)]
    found = shown(png.smaller(written(64, pixels, [0] * 64)), 64)
    assert len(set(found)) <= 256
    assert all(
        max(abs(a - b) for a, b in zip(p, q, strict=True)) < 64 for p, q in zip(pixels, found, strict=True)
    )


@pytest.mark.parametrize("data", [b"", b"GIF89a", png._SIGNATURE + png._chunk(b"IHDR", bytes(13))])
def test_other_pictures_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        png.smaller(data)
