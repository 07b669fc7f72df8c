"""Packed fields: all of it, or a sentence."""

from __future__ import annotations

import pytest
import zstandard

from openusage.providers._loose import Unreadable
from openusage.providers._packed import unpacked

DATA = b"some text " * 1000


@pytest.mark.parametrize("size", [0, 1, len(DATA)])
def test_what_was_packed_comes_out(size: int) -> None:
    assert unpacked(zstandard.compress(DATA[:size]), size) == DATA[:size]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zstandard.compress(DATA), "too large to be unpacked"),
        (DATA, "damaged, as it is packed"),
    ],
)
def test_what_cannot_come_out_is_told(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as told:
        unpacked(data, 100)
    assert told.value.what == why
