"""What tool calls of any coding tool do to files."""

from __future__ import annotations

from typing import Any

import pytest

from openusage.providers._inputs import NO_TOUCH, Touch, touch_of
from openusage.providers._touched import file_key

A_PY = file_key("/home/ann/shop/a.py")
PATCH = "*** Begin Patch\n*** Update File: a.py\n-x = 1\n+x = 2\n+y = 3\n*** End Patch"


@pytest.mark.parametrize(
    ("given", "touch"),
    [
        ({"filePath": "/home/ann/shop/a.py"}, Touch(language="python")),
        ({"path": "a.py", "old_str": "x", "new_str": "x\ny"}, Touch("python", 2, 1, A_PY)),
        ({"file_path": "./a.py", "content": "x\ny\n"}, Touch("python", 2, None, A_PY)),
        ({"path": "a.py", "edits": [{"oldText": "a\nb", "newText": "c"}, {"newText": "d"}]},
         Touch("python", 2, 2, A_PY)),
        ({"path": "a.py", "edit": {"old": "a\nb", "new": "c"}}, Touch("python", 1, 2, A_PY)),
        ({"path": "a.py", "edit": [{"old": "a", "new": "c"}, {"old": "", "new": "d"}]},
         Touch("python", 2, 1, A_PY)),
        ({"patchText": PATCH}, Touch("python", 2, 1, A_PY)),
        ('{"target_file": "a.py", "contents": ""}', Touch("python", 0, None, A_PY)),
        (b'{"path": "src"}', Touch()),
        ({"command": "rm -rf /", "content": "no file is named"}, NO_TOUCH),
        ({"path": ["a.py"], "content": 3, "edits": [None, {}]}, NO_TOUCH),
        ("{broken", NO_TOUCH),
        (None, NO_TOUCH),
    ],
)  # fmt: skip
def test_what_an_input_does(given: Any, touch: Touch) -> None:
    assert touch_of(given, "/home/ann/shop") == touch
