"""Raw material: code-like text, ids and times, all from a seeded generator.

The order in which random numbers are drawn is part of the output: a draw added or moved changes every byte
that follows.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import random

WORDS = (
    "parse token usage cache stream retry buffer index daemon hub snapshot merge config"
    " session project window model price report table cursor offset digest schema query batch flush"
    " lock watch signal thread async await error timeout value field record header footer chunk"
).split()
CODE = [
    'def {a}_{b}(self, {c}: int, *, {d}: str = "{e}") -> dict[str, int]:',
    "    if {a} is None or {b} <= {n}:",
    '        raise ValueError(f"{a} {{{b}!r}} out of range [{n}, {m}]")',
    '    return {{"{a}": {n}, "{b}": [{n}, {m}], \'{c}\': None}}',
    "const {{ {a}, {b} }} = await {c}.{d}(`${{{e}}}/{a}?limit={n}`);",
    "{n:5d}\t    let mut {a} = {b}::with_capacity({n}); // {c} \\ {d}",
    "  <div className=\"{a}-{b}\" data-{c}='{n}'>{d} &amp; {e}</div>",
    "+\tassert {a}.{b}({n}) == {m}  # {c}",
    "-\tassert {a}.{b}({m}) != {n}",
    "@@ -{n},7 +{m},9 @@ fn {a}()",
    'src/{a}/{b}.py:{n}:{m}: error: Argument 1 to "{c}" has incompatible type',
    '{{"usage":{{"input_tokens":{n},"output_tokens":{m}}},"type":"assistant"}}',
    "2026-01-02T03:04:05Z INFO {a}.{b} {c}={n} {d}={m} \x1b[32mok\x1b[0m",
]
UNICODE = [
    "// 日本語のコメント: トークンを数える",
    "# naïve café — „Anführung“ ✓ 🚀👩‍💻",
    "δοκιμή κώδικα ≤ ∞ ×",
    "مرحبا بالعالم",
    "line\u2028separator and nul \x00 and bell \x07",
    "한국어 테스트 \u00adsoft",
    "e\u0301 combining",
]
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def escaped(text: str) -> str:
    """As it stands inside a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


class Pool:
    """Pre-escaped code-like text, cut into slices without any further work."""

    def __init__(self, rng: random.Random) -> None:
        self._lines = [self._line(rng) for _ in range(24_000)]
        self._mean = sum(map(len, self._lines)) / len(self._lines)
        self.base64 = base64.b64encode(rng.randbytes(300_000)).decode()

    @staticmethod
    def _line(rng: random.Random) -> str:
        if rng.random() < 0.02:
            return escaped(rng.choice(UNICODE) + "\n")
        form = rng.choice(CODE)
        a, b, c, d, e = (rng.choice(WORDS) for _ in range(5))
        return escaped(
            form.format(a=a, b=b, c=c, d=d, e=e, n=rng.randrange(2000), m=rng.randrange(2000)) + "\n"
        )

    def text(self, rng: random.Random, size: float) -> str:
        """About `size` characters of code."""
        left = max(1, int(size / self._mean))
        parts = []
        while left > 0:
            start = rng.randrange(len(self._lines))
            take = min(left, len(self._lines) - start)
            parts.append("".join(self._lines[start : start + take]))
            left -= take
        return "".join(parts)

    def sentence(self, rng: random.Random, low: int = 4, high: int = 24) -> str:
        text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))
        if rng.random() < 0.04:
            text += " " + escaped(rng.choice(UNICODE))
        return text.capitalize() + "."


def uuid4(rng: random.Random) -> str:
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[rng.randrange(4)]}{h[17:20]}-{h[20:]}"


def uuid7(rng: random.Random, ms: int) -> str:
    h = f"{ms:012x}"
    r = f"{rng.getrandbits(80):020x}"
    return f"{h[:8]}-{h[8:]}-7{r[:3]}-{'89ab'[rng.randrange(4)]}{r[4:7]}-{r[7:19]}"


def base62(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(BASE62, k=count))


def iso(ms: int) -> str:
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def day_of(ms: int) -> str:
    return f"{dt.datetime.fromtimestamp(ms / 1000, dt.UTC):%Y-%m-%d}"


def lognormal(rng: random.Random, median: float, sigma: float, low: int, high: int) -> int:
    return int(min(high, max(low, rng.lognormvariate(0, sigma) * median)))
