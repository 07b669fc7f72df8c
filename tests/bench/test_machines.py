"""What the simulated fleet sends is what a hub takes, and no more of it than a fleet sends."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bench.machines import EVENTS_AN_HOUR, batches, name_of, pushes
from openusage.hub.ingest import gunzip, read_strictly
from openusage.hub.records import read_batch

NOW_US = 1_790_000_100_000_000


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("packed", [False, True])
def test_every_machine_pushes_its_own_20_kb_in_the_strict_form(packed: bool) -> None:
    sent = [body_of(request) for request in pushes(range(3), 1, packed=packed)]
    plain = [gunzip(body) if packed else body for body in sent]
    taken = [read_strictly(body) for body in plain]
    assert [(t.machine, t.machine_id) for t in taken if t] == [(name_of(n), f"{n:032x}") for n in range(3)]
    assert all(19_000 < len(body) < 22_000 for body in plain)


def test_a_machines_batches_follow_on_each_other_and_are_200_records_an_hour() -> None:
    for machine in (0, 17, 59, 61):
        hour = [
            read_batch(body_of(request), packed=True)
            for minute in range(60)
            for request in batches([machine], minute, NOW_US + minute * 60_000_000)
        ]
        assert all(before.upto == after.after for before, after in pairwise(hour))
        assert sum(len(batch.records) for batch in hour) == EVENTS_AN_HOUR
        assert hour[0].after == 0


def test_another_minute_is_another_push() -> None:
    assert list(pushes([5], 1, packed=False)) != list(pushes([5], 2, packed=False))
