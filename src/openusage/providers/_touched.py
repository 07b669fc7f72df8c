"""Which file a tool call touched: its language, and a number that stands for its path."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import PurePosixPath

LANGUAGES = {
    language: extensions.split()
    for language, extensions in {
        "c": "c h",
        "c#": "cs csx",
        "c++": "cc cpp cxx hh hpp hxx ino",
        "clojure": "clj cljc cljs",
        "css": "css less sass scss",
        "dart": "dart",
        "elixir": "ex exs",
        "erlang": "erl hrl",
        "go": "go",
        "graphql": "gql graphql",
        "haskell": "hs",
        "html": "htm html",
        "java": "java",
        "javascript": "cjs js jsx mjs",
        "json": "json json5 jsonc jsonl",
        "julia": "jl",
        "jupyter": "ipynb",
        "kotlin": "kt kts",
        "lua": "lua",
        "markdown": "md mdx",
        "nix": "nix",
        "objective-c": "m mm",
        "ocaml": "ml mli",
        "perl": "pl pm",
        "php": "php",
        "powershell": "ps1 psm1",
        "protobuf": "proto",
        "python": "py pyi pyx",
        "r": "r rmd",
        "ruby": "erb rake rb",
        "rust": "rs",
        "scala": "sbt scala",
        "shell": "bash fish sh zsh",
        "solidity": "sol",
        "sql": "sql",
        "svelte": "svelte",
        "swift": "swift",
        "terraform": "hcl tf tfvars",
        "text": "rst txt",
        "toml": "toml",
        "typescript": "cts mts ts tsx",
        "vue": "vue",
        "xml": "xml xsl xslt",
        "yaml": "yaml yml",
        "zig": "zig",
    }.items()
}
"""Language -> extensions of its files."""
_BY_EXTENSION = {extension: language for language, exts in LANGUAGES.items() for extension in exts}
_BY_NAME = {"dockerfile": "dockerfile", "makefile": "makefile", "gnumakefile": "makefile"}


def language_of(path: str) -> str | None:
    """Programming language by the file's name, lower case."""
    name = PurePosixPath(path.replace("\\", "/")).name.lower()
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem:
        return _BY_NAME.get(name)
    return _BY_EXTENSION.get(extension)


def file_key(path: str) -> int:
    """63 bits that stand for a path."""
    digest = blake2b(path.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
