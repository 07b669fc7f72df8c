"""Where front ends get their data: a daemon's socket, a hub's URL, or a store in this process.

`SnapshotSource` is what a screen polls, `UsageSource` what a report asks. All clients here are synchronous:
a screen calls them from a worker thread.
"""

from openusage.client.daemon import DaemonClient
from openusage.client.hub import MAX_ANSWER_BYTES, HubClient, rollups
from openusage.client.source import Frame, SnapshotSource, UsageSource

__all__ = [
    "MAX_ANSWER_BYTES",
    "DaemonClient",
    "Frame",
    "HubClient",
    "SnapshotSource",
    "UsageSource",
    "rollups",
]
