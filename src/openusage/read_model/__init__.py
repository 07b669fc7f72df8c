"""Answers + readings + now -> UsageSnapshot. Pure: it only asks a `Questions`."""

from openusage.read_model.build import build, build_all
from openusage.read_model.windows import window

__all__ = ["build", "build_all", "window"]
