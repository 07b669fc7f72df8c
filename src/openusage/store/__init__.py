"""Records in, rollups and answers out; the only SQL on our own data."""

from openusage.store.backup import backup
from openusage.store.events import Priced
from openusage.store.forget import Forgotten
from openusage.store.numbers import Run
from openusage.store.questions import Answers
from openusage.store.restore import Compacted, compact, restore
from openusage.store.results import AddResult, Health, Machine, Met, Told
from openusage.store.retention import PruneResult
from openusage.store.store import Reader, Store
from openusage.store.verify import Verified, repair, verify

__all__ = [
    "AddResult",
    "Answers",
    "Compacted",
    "Forgotten",
    "Health",
    "Machine",
    "Met",
    "Priced",
    "PruneResult",
    "Reader",
    "Run",
    "Store",
    "Told",
    "Verified",
    "backup",
    "compact",
    "repair",
    "restore",
    "verify",
]
