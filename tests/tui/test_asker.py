"""Questions in a thread of their own: the newest wins, whatever the others do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from openusage.errors import PeerUnreachable
from openusage.tui.asker import Answer, Asker
from tests.support.processes import PATIENCE_S


class Heard:
    """What an asker delivered."""

    def __init__(self) -> None:
        self.answers: queue.Queue[Answer] = queue.Queue()
        self.defects: queue.Queue[Exception] = queue.Queue()
        self.asker = Asker(deliver=self.answers.put, broken=self.defects.put)

    def next(self) -> Answer:
        return self.answers.get(timeout=PATIENCE_S)


def saying(*values: object) -> Iterator[object]:
    yield from values


def test_every_part_of_an_answer_is_delivered_in_order() -> None:
    heard = Heard()
    heard.asker.ask("q", lambda: saying(1, 2, 3))
    assert [heard.next().value for _ in range(3)] == [1, 2, 3]
    heard.asker.stop()


def test_of_many_questions_that_wait_only_the_newest_is_asked() -> None:
    heard, entered, release, asked = Heard(), threading.Event(), threading.Event(), []

    def slow() -> Iterator[object]:
        entered.set()
        release.wait(PATIENCE_S)
        yield "late"

    def noted(n: int) -> Iterator[object]:
        asked.append(n)
        yield n

    heard.asker.ask("slow", slow)
    assert entered.wait(PATIENCE_S)
    for n in range(20):
        heard.asker.ask(n, lambda n=n: noted(n))  # type: ignore[misc]
    release.set()
    assert heard.next().value == 19
    assert asked == [19]
    heard.asker.stop()


def test_an_answer_under_way_is_dropped_for_a_newer_question() -> None:
    heard, half, release = Heard(), threading.Event(), threading.Event()

    def long() -> Iterator[object]:
        yield "first half"
        half.set()
        release.wait(PATIENCE_S)
        yield "second half"

    heard.asker.ask("long", long)
    assert half.wait(PATIENCE_S)
    heard.asker.ask("short", lambda: saying("short"))
    release.set()
    assert [heard.next().value for _ in range(2)] == ["first half", "short"]
    heard.asker.stop()


def test_an_error_of_a_peer_is_an_answer_and_the_next_question_is_asked() -> None:
    heard = Heard()

    def lost() -> Iterator[object]:
        raise PeerUnreachable("gone")

    heard.asker.ask("q", lost)
    answer = heard.next()
    assert answer.value is None
    assert answer.error is not None
    assert answer.error.message == "gone"
    heard.asker.ask("q", lambda: saying("back"))
    assert heard.next().value == "back"
    heard.asker.stop()


def test_a_defect_is_told_and_not_swallowed() -> None:
    heard = Heard()

    def broken() -> Iterator[object]:
        raise ZeroDivisionError

    heard.asker.ask("q", broken)
    assert isinstance(heard.defects.get(timeout=PATIENCE_S), ZeroDivisionError)


def test_after_the_end_nothing_is_delivered() -> None:
    heard, entered, release, done = Heard(), threading.Event(), threading.Event(), threading.Event()

    def slow() -> Iterator[object]:
        entered.set()
        release.wait(PATIENCE_S)
        yield "late"
        done.set()

    heard.asker.ask("q", slow)
    assert entered.wait(PATIENCE_S)
    heard.asker.stop()
    release.set()
    heard.asker.ask("r", lambda: saying("later"))
    for thread in threading.enumerate():
        if thread.name == "openusage-asker":
            thread.join(PATIENCE_S)
    assert heard.answers.empty()
    assert not done.is_set()
