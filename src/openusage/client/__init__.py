"""Where front ends get their data: a daemon's socket, a hub's URL, or a store in this process.

`SnapshotSource` is what a screen polls, `UsageSource` what a report asks. All clients here are synchronous:
a screen calls them from a worker thread. `HubStream` wakes it when a hub has something new.
"""

from openusage.client.daemon import DaemonClient
from openusage.client.hub import MAX_ANSWER_BYTES, HubClient, rollups
from openusage.client.probe import UNREACHABLE, Admission, Greeting, HubProbe
from openusage.client.source import Frame, HistorySource, PaneFrame, PaneSource, SnapshotSource, UsageSource
from openusage.client.stream import HubStream

__all__ = [
    "MAX_ANSWER_BYTES",
    "UNREACHABLE",
    "Admission",
    "DaemonClient",
    "Frame",
    "Greeting",
    "HistorySource",
    "HubClient",
    "HubProbe",
    "HubStream",
    "PaneFrame",
    "PaneSource",
    "SnapshotSource",
    "UsageSource",
    "rollups",
]
