"""Records in, rollups and answers out; the only SQL on our own data."""

from openusage.store.events import Priced
from openusage.store.questions import Answers, Machine
from openusage.store.retention import PruneResult
from openusage.store.store import AddResult, Health, Reader, Store

__all__ = ["AddResult", "Answers", "Health", "Machine", "Priced", "PruneResult", "Reader", "Store"]
