"""A problem in a sentence: with its place, and without saying a file's name twice."""

from __future__ import annotations

from openusage.errors import SourceChanged
from openusage.wire.problems import Problem


def test_a_line_is_named_by_its_place_and_a_whole_file_by_what_is_wrong_with_it() -> None:
    assert Problem(what="not JSON", path="/x.jsonl", offset=17).sentence == "/x.jsonl, byte 17: not JSON"
    assert Problem(what="/x.db is damaged", path="/x.db").sentence == "/x.db is damaged"
    assert Problem(what="the vendor is silent").sentence == "the vendor is silent"


def test_an_error_keeps_what_is_to_be_done() -> None:
    problem = Problem.of(SourceChanged("/x.db is no database", "look for a newer openusage"), "/x.db")
    assert (problem.sentence, problem.hint) == ("/x.db is no database", "look for a newer openusage")
