"""The lines around the content: title bar with status and windows, key hints, messages, help. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip

from openusage.tui.board import WINDOWS, Board, Scope
from openusage.tui.lines import Part, cells, clean, fit, left, packed, shortened, spread, strip, wrapped
from openusage.tui.palette import Palette
from openusage.tui.view import Costs, View

_MOST_NOTE_ROWS = 3
_LONGEST_PLACE = 24
_ALWAYS, _KEY_GAP = 2, 2


def bar(board: Board, width: int, view: View, shown: str | None = None) -> list[Strip]:
    """Who is asked and how old the answer is, windows at the right; an error gets its own lines.

    `shown`: the window of what is on the screen, where that is not the board's.
    """
    shown = board.shown_window() if shown is None else shown
    palette = view.palette
    failed = board.error is not None
    start: list[Part] = [(" openusage  ", palette.strong)]
    status = board.source() if failed else board.status(view.now, view.tz)
    if board.scope is not None:
        start[0] = (" openusage ", palette.strong)
        start += [("› ", palette.dim), (_place(board.scope), palette.text), ("  ", palette.dim)]
    tail = [*_layout(board, palette), *_costs(board, view), *_windows(shown, palette)]
    if width - cells(start) - cells(tail) - 2 < cell_len(status):
        tail = [*_layout(board, palette), *_window(shown, palette)]
    if width - cells(start) - cells(tail) - 2 < cell_len(status):
        start = [(" ", palette.text)]
    if width - cells(start) - cells(tail) - 2 < cell_len(status) and board.layout_word and not failed:
        status, tail = board.status(view.now, view.tz, brief=True), _layout(board, palette)
    if width - cells(start) - cells(tail) - 2 < cell_len(status):
        tail = []
    status = fit(status, width - cells(start) - 1)
    lines = [spread([*start, (status, palette.dim)], tail, width)]
    if failed and board.has_data:  # without any, it is said where tiles or rows would be
        lines += _message("!", board.status(view.now, view.tz), width, palette, crit=True)
    for note in board.notes(view.now):
        lines += _message("▸", note, width, palette, crit=False)
    return lines


def _message(sign: str, text: str, width: int, palette: Palette, crit: bool) -> list[Strip]:
    style = palette.crit if crit else palette.warn
    rows = wrapped(text, width - 4, _MOST_NOTE_ROWS)
    return [
        strip([(f" {sign if i == 0 else ' '} ", style), (row, style)], width) for i, row in enumerate(rows)
    ]


def _place(scope: Scope) -> str:
    return shortened(clean(scope.label), _LONGEST_PLACE)


def _costs(board: Board, view: View) -> list[Part]:
    """What differs from what is shown without a word."""
    usual = (Costs.AUTO, Costs.SHOW) if board.is_fleet else (Costs.AUTO,)
    chosen = None if board.is_fleet else board.chosen()
    costs = view.costs if chosen is None else view.costs_of(chosen.sections)
    return [] if costs in usual else [(f"costs: {costs}   ", view.palette.dim)]


def _layout(board: Board, palette: Palette) -> list[Part]:
    return [(f"{board.layout_word}  ", palette.dim)] if board.layout_word and not board.is_fleet else []


def _windows(shown: str, palette: Palette) -> list[Part]:
    parts: list[Part] = []
    for name in WINDOWS:
        chosen = name == shown
        parts.append((f"[{name}]" if chosen else f" {name} ", palette.accent if chosen else palette.dim))
    return parts if not shown or shown in WINDOWS else [*parts, (f"[{shown}]", palette.accent)]


def _window(shown: str, palette: Palette) -> list[Part]:
    return [(f"[{shown}]", palette.accent)] if shown else []


def rule(width: int, palette: Palette) -> Strip:
    """A thin line between zones."""
    return strip([("─" * width, palette.faint)], width)


def keys(hints: Sequence[tuple[str, str]], width: int, palette: Palette) -> Strip:
    """`⏎ open  w window  ? help  q quit`: the last two, and as many of the others as fit, in order."""
    groups: list[list[Part]] = [[(key, palette.text), (f" {act}", palette.dim)] for key, act in hints]
    last = packed(groups[-_ALWAYS:], width - 2, gap=_KEY_GAP)
    first = packed(groups[:-_ALWAYS], width - 2 - cells(last) - _KEY_GAP, gap=_KEY_GAP)
    gap: list[Part] = [(" " * _KEY_GAP, palette.dim)] if first and last else []
    return strip([(" ", palette.dim), *first, *gap, *last], width)


def centred(sentences: Sequence[str], width: int, height: int, palette: Palette) -> list[Strip]:
    """A block of sentences in the middle of an area; the first one strong, indented ones as a list.

    When there is no room for all, lines in the middle give way: what to do stands at the end.
    """
    room = max(min(width - 4, 96), 1)
    rows: list[Part] = []
    for index, sentence in enumerate(sentences):
        style = palette.text if index == 0 else palette.dim
        indent = " " * (len(sentence) - len(sentence.lstrip()))
        rows += [(indent + line, style) for line in wrapped(sentence, max(room - len(indent), 1), 8)]
    if len(rows) > height > 2:
        kept = height - 2
        rows = [*rows[:kept], (f"… {len(rows) - kept - 1} more", palette.dim), rows[-1]]
    indent = " " * max(0, (width - max((cell_len(text) for text, _ in rows), default=0)) // 2)
    lines = [strip([], width)] * max(0, (height - len(rows)) // 2)
    lines += [strip([(indent + text, style)], width) for text, style in rows]
    return [*lines, *[strip([], width)] * max(0, height - len(lines))][:height]


def help_page(groups: Sequence[tuple[str, Sequence[tuple[str, str]]]], palette: Palette) -> list[Strip]:
    """All keys, by where they work."""
    key_width = max(cell_len(key) for _, rows in groups for key, _ in rows) + 3
    width = key_width + max(cell_len(act) for _, rows in groups for _, act in rows)
    lines: list[Strip] = []
    for title, rows in groups:
        lines += [strip([], width)] if lines else []
        lines.append(strip([(title.upper(), palette.dim)], width))
        lines += [
            strip([(left(key, key_width), palette.strong), (act, palette.text)], width) for key, act in rows
        ]
    lines += [strip([], width)]
    signs = "● live  ◐ stale  ○ gone  ! error"
    lines.append(strip([(signs, palette.dim)], max(width, cell_len(signs))))
    legend = "– not reported  ▲ near a limit"
    lines.append(strip([(legend, palette.dim)], max(width, cell_len(legend))))
    return lines
