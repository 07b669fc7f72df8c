"""The shared reader of JSON-lines files: whole lines, exact offsets, nothing lost and nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openusage.errors import SourceUnavailable
from openusage.providers import _jsonl
from openusage.providers._jsonl import Block, FileState, Mark, blocks, is_continued, stat

small = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, offset: int = 0) -> tuple[list[bytes], int]:
    """All lines from `offset` on, and where to go on; checks what every block promises."""
    found: list[bytes] = []
    for block in blocks(path, offset):
        assert block.start == offset + block.skipped
        assert block.end == block.start + sum(len(line) + 1 for line in block.lines)
        assert [bytes(view) for _, view in block.views()] == block.lines
        found += block.lines
        offset = block.end
    return found, offset


def test_a_last_line_without_newline_waits_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntw")
    assert read(path) == ([b"one"], 4)
    with path.open("ab") as file:
        file.write(b"o\n")
    assert read(path, 4) == ([b"two"], 8)


def test_empty_lines_keep_the_offsets_right(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n\none\n\n")
    assert read(path) == ([b"", b"", b"one", b""], 7)


def test_an_empty_file_has_no_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"")
    assert list(blocks(path)) == []


@small
@given(
    content=st.lists(st.sampled_from([b"a", b"bb", b"\n", b"cccccccc"]), max_size=60).map(b"".join),
    block_bytes=st.integers(1, 9),
    cuts=st.lists(st.integers(0, 200), max_size=3),
)
def test_any_block_size_and_any_growth_give_the_same_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, block_bytes: int, cuts: list[int]
) -> None:
    monkeypatch.setattr(_jsonl, "BLOCK_BYTES", block_bytes)
    path = tmp_path / "a.jsonl"
    found: list[bytes] = []
    offset = 0
    for cut in [*sorted(cuts), len(content)]:
        path.write_bytes(content[:cut])
        more, offset = read(path, offset)
        found += more
    assert found == content.split(b"\n")[:-1]
    assert offset == content.rfind(b"\n") + 1


@small
@given(st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b".")), max_size=12), st.integers(1, 8))
def test_a_line_that_is_too_long_is_skipped_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[bytes], block_bytes: int
) -> None:
    """Every line up to the limit is read, and all bytes are accounted for."""
    monkeypatch.setattr(_jsonl, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(_jsonl, "MAX_LINE_BYTES", 16)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    read_lines = [line for block in blocks(path) for line in block.lines]
    skipped = sum(block.skipped for block in blocks(path))
    assert [line for line in read_lines if len(line) <= 8] == [line for line in lines if len(line) <= 8]
    assert sum(len(line) + 1 for line in read_lines) + skipped == path.stat().st_size


def test_a_line_of_many_blocks_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    long = b"x" * (_jsonl.BLOCK_BYTES * 3 + 7)
    path.write_bytes(b"first\n" + long + b"\nlast\n")
    assert read(path) == ([b"first", long, b"last"], path.stat().st_size)


def test_packed_files_are_read_by_unpacked_offsets(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(b"one\ntwo\n") + zstandard.compress(b"three\n"))
    assert read(path) == ([b"one", b"two", b"three"], 14)
    assert read(path, 8) == ([b"three"], 14)


def test_a_packed_file_goes_on_at_an_offset_beyond_its_size(tmp_path: Path) -> None:
    """Its offsets are those of its content. It is written once: the same size and time is the same file."""
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.compress(b"line\n" * 100))
    state = stat(path)
    assert state is not None
    assert state.start(state.cursor(200, whole=False)) == 200 > state.size
    assert state.start(state.cursor(500)) is None
    assert state.start(msgspec.structs.replace(state.cursor(500), inode=state.inode + 1)) == 0
    assert is_continued(path, 200, Mark(size=5, crc=1))


def test_a_broken_archive_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(b"no archive")
    with pytest.raises(SourceUnavailable, match=r"a\.jsonl\.zst"):
        list(blocks(path))


def test_a_file_that_is_gone_is_unavailable_and_has_no_state(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert stat(path) is None
    with pytest.raises(SourceUnavailable, match="No such file"):
        list(blocks(path))


def state(path: Path) -> FileState:
    found = stat(path)
    assert found is not None
    return found


def test_an_unchanged_file_has_nothing_to_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\n")
    assert state(path).start(None) == 0
    assert state(path).start(state(path).cursor(4)) is None


def test_a_grown_file_goes_on_where_it_was_left(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\n")
    cursor = state(path).cursor(4)
    path.write_bytes(b"one\ntwo\n")
    assert state(path).start(cursor) == 4


def test_a_file_read_in_part_goes_on_though_it_did_not_change(tmp_path: Path) -> None:
    """Killed in the middle of a large file, the next run reads the rest of it."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntwo\n")
    assert state(path).start(state(path).cursor(4, whole=False)) == 4


def test_a_shortened_or_replaced_file_starts_over(tmp_path: Path) -> None:
    path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    path.write_bytes(b"one\ntwo\n")
    cursor = state(path).cursor(8)
    other.write_bytes(b"one\ntwo\nthree\n")
    other.replace(path)
    assert state(path).start(cursor) == 0
    cursor = state(path).cursor(14)
    path.write_bytes(b"x\n")
    assert state(path).start(cursor) == 0


def last_block(path: Path) -> Block:
    return list(blocks(path))[-1]


def test_a_file_written_anew_under_the_same_inode_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntwo\n")
    block = last_block(path)
    assert is_continued(path, block.end, block.mark)
    with path.open("ab") as file:
        file.write(b"three\n")
    assert is_continued(path, block.end, block.mark)
    path.write_bytes(b"uno\ndue\ntre\nquattro\n")
    assert not is_continued(path, block.end, block.mark)


def test_without_a_mark_or_a_file_reading_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\n")
    mark = last_block(path).mark
    assert is_continued(path, 4, None)
    path.unlink()
    assert is_continued(path, 4, mark)


def test_a_file_written_over_with_as_much_starts_over(tmp_path: Path) -> None:
    """Nothing was appended, so its time tells that something in it is another; its end may be the same."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntwo\n")
    cursor = state(path).cursor(8)
    path.write_bytes(b"uno\ntwo\n")
    os.utime(path, ns=(cursor.mtime_ns + 1, cursor.mtime_ns + 1))
    assert state(path).start(cursor) == 0
    assert state(path).start(state(path).cursor(8)) is None


def test_what_is_no_file_has_no_state(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer for ever."""
    os.mkfifo(tmp_path / "a.jsonl")
    assert stat(tmp_path / "a.jsonl") is None
    assert stat(tmp_path) is None
