"""This machine -> a hub. Best effort: whatever the hub does, collection never notices.

`snapshots` sends the newest state every interval, `records` what the store got since the hub last had all of
it, `refused` finds the one record that a hub will not take, `pace` says how long a back-fill takes, `privacy`
what may leave the machine, `target` makes one request.
"""

from openusage.exporter.records import Outgoing
from openusage.exporter.snapshots import Exporter, envelope, worth_sending
from openusage.exporter.target import RecordsPolicy, Target, pause_s

__all__ = ["Exporter", "Outgoing", "RecordsPolicy", "Target", "envelope", "pause_s", "worth_sending"]
