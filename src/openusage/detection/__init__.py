"""What is on this machine: coding tools, and keys for vendors' APIs.

Reads files and the environment: no network, no program is run, nothing is written. A key leaves here masked.
`tools` asks every provider, `keys` has the table of variables, `shell`, `opencode` and `aider` are the files
that may hold keys.
"""

from openusage.detection.detect import Detection, detect
from openusage.detection.keys import Credential
from openusage.detection.tools import FoundAccount, Tool

__all__ = ["Credential", "Detection", "FoundAccount", "Tool", "detect"]
