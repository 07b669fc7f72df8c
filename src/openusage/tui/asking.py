"""A screen that asks a history, in a thread of its own: what is not known yet, and what has changed since.

What came is kept by its question, so that going back to a tab is instant. While an answer is under way the
screen stays as it is; when that takes long, or cannot be, it is said.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable
from typing import TypeVar

from textual import on
from textual.message import Message
from textual.widgets import Input

from openusage import format as fmt
from openusage.client import HistorySource
from openusage.errors import OpenUsageError, PeerRefused, UsageError
from openusage.tui.asker import Answer, Asker, Job
from openusage.tui.frame import Filtered
from openusage.tui.lines import clean
from openusage.tui.spans import Moment, Span, parse_range

T = TypeVar("T")

_AGAIN_S, _HOLD_S, _RETRY_S = 60.0, 2.0, 5.0
"""A window moves with time; what changes all the time, and what cannot be had, is asked again so often."""
_SHARE = 10.0
"""What takes long is asked again after so many times as long: a peer is never kept busy by a screen."""
_PATIENCE_S = 1.0
_MOST_KEPT = 24


class Kept:
    """Answers by question, the ones used last; and when they were asked."""

    def __init__(self) -> None:
        self.values: dict[Hashable, object] = {}
        self.asked: dict[Hashable, tuple[dt.datetime, object]] = {}
        """Question -> when, and what the data were then."""
        self.told: dict[Hashable, tuple[dt.datetime, float]] = {}
        """Question -> when what is known was asked, and seconds that it took."""
        self.error: OpenUsageError | None = None
        """Why the newest question has no answer, or no newer one."""

    def is_due(self, key: Hashable, token: object, now: dt.datetime) -> bool:
        """Whether it is time to ask (again)."""
        if key not in self.asked:
            return True
        at, known = self.asked[key]
        old_s = (now - at).total_seconds()
        if self.error is not None:
            return old_s >= (_AGAIN_S if has_no_history(self.error) else _RETRY_S)
        hold_s = max(_HOLD_S, _SHARE * self.told[key][1]) if key in self.told else _HOLD_S
        return old_s >= max(_AGAIN_S, hold_s) or (known != token and old_s >= hold_s)

    def take(self, answer: Answer) -> None:
        """Put an answer in place; what is known stays where there is an error."""
        self.error = answer.error
        if answer.error is None:
            self.values.pop(answer.key, None)
            self.values[answer.key] = answer.value
            if answer.key in self.asked:
                self.told[answer.key] = self.asked[answer.key][0], answer.took_s
        while len(self.values) > _MOST_KEPT:
            oldest = next(iter(self.values))
            del self.values[oldest]
            self.asked.pop(oldest, None)
            self.told.pop(oldest, None)


class AskingScreen(Filtered):
    """Asks what `want` names, and is drawn anew when it comes. `d`: of any days."""

    DEFAULT_CSS = """
    AskingScreen #days { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    AskingScreen #days.-open { display: block; }
    """

    class Answered(Message):
        """The asker brought something."""

        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

    class Broken(Message):
        """The asker met a defect of ours."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(self) -> None:
        super().__init__()
        self._asker = Asker(
            deliver=lambda answer: self.post_message(self.Answered(answer)),
            broken=lambda error: self.post_message(self.Broken(error)),
        )
        self._answers = Kept()
        self._wanted: Hashable = None
        self.range: Span | None = None
        """Days that were typed; `None`: one of the windows."""

    # -- any days -----------------------------------------------------------------------------------

    def days_box(self) -> Input:
        """The line to type a range of days into."""
        said = "2026-10-01..2026-10-31, 2026-10, 2026-10-05 or 2026-10-01.. ; empty: the windows again"
        return Input(placeholder=said, id="days", compact=True)

    @property
    def is_choosing_days(self) -> bool:
        """The line is on the screen."""
        return self.query_one("#days", Input).has_class("-open")

    def action_days(self) -> None:
        """Type a range of days."""
        box = self.query_one("#days", Input)
        box.add_class("-open")
        box.value = self.range.name if self.range is not None else ""
        box.focus()

    def close_days(self) -> None:
        """Without the line again."""
        self.query_one("#days", Input).remove_class("-open")
        self.focus_rows()
        self.draw()

    @on(Input.Submitted, "#days")
    def _days_typed(self, event: Input.Submitted) -> None:
        try:
            self.range = parse_range(event.value, self.moment().today) if event.value.strip() else None
        except UsageError as error:
            self.dashboard.board.say(sentence(error), self.dashboard.view().now)
            self.draw()
            return
        self.close_days()

    # -- questions ----------------------------------------------------------------------------------

    @property
    def history(self) -> HistorySource | None:
        """Who can be asked; `None`: this source has snapshots only."""
        return self.dashboard.history

    def moment(self) -> Moment:
        """The present, for spans."""
        view = self.dashboard.view()
        return Moment(view.now, view.tz, self.dashboard.tz_name)

    def token(self) -> object:
        """Another one when there are new data: what was asked is asked again then."""
        board = self.dashboard.board
        return board.pane if board.is_fleet else board.frame and tuple(map(id, board.accounts))

    def want(self, key: Hashable, job: Job, kind: type[T]) -> T | None:
        """The newest answer to a question; it is asked when it is due. `None`: there is none yet."""
        now, token = self.dashboard.view().now, self.token()
        is_new = key != self._wanted
        if is_new and self._wanted not in self._answers.values:
            self._answers.asked.pop(self._wanted, None)  # it gives way to this one
        self._wanted = key
        if self._answers.is_due(key, token, now) or (is_new and key not in self._answers.values):
            self._answers.asked[key] = (now, token)
            if is_new and not has_no_history(self._answers.error):
                self._answers.error = None
            self._asker.ask(key, job)
        found = self._answers.values.get(key)
        return found if isinstance(found, kind) else None

    def answer(self) -> object:
        """The newest answer to the question asked last; `None`: there is none yet."""
        return self._answers.values.get(self._wanted)

    def waiting(self) -> str:
        """What to say while there is no answer; empty: it was asked just now, the screen stays as it is."""
        if self._answers.error is not None:
            return sentence(self._answers.error)
        asked = self._answers.asked.get(self._wanted)
        if asked is None or (self.dashboard.view().now - asked[0]).total_seconds() < _PATIENCE_S:
            return ""
        return f"Asking {clean(self.dashboard.board.label)} …"

    def trouble(self) -> str:
        """Why what is shown is not of now; empty when all is well."""
        error, told = self._answers.error, self._answers.told.get(self._wanted)
        if error is None or told is None:
            return ""
        since = fmt.clock(told[0], self.dashboard.view().tz)
        return f"{sentence(error)} Shown is what was known at {since}."

    def on_asking_screen_answered(self, message: Answered) -> None:
        self._answers.take(message.answer)
        if message.answer.key == self._wanted:
            self.redraw()

    def on_asking_screen_broken(self, message: Broken) -> None:
        raise message.error

    def on_unmount(self) -> None:
        self._asker.stop()


def sentence(error: OpenUsageError) -> str:
    """What went wrong, and what helps."""
    parts = [clean(error.message), clean(error.hint)]
    return " ".join(part if part[-1] in ".!?…" else f"{part}." for part in parts if part)


def has_no_history(error: OpenUsageError | None) -> bool:
    """Whether the peer cannot answer at all, now and later: a Go program, or an older one of ours."""
    return isinstance(error, PeerRefused) and error.status == 404
