"""An invented fleet: five machines that used six tools for 90 days, and go on using them.

Everything follows from names and the moment it began: `cast` says who there is, `story` what they did, `tool`
lets a daemon read it as it reads any tool's files. Numbers alone are invented: store, prices, hub and
screens are the real ones.
"""

from openusage.demo.cast import MACHINES, Machine, Use
from openusage.demo.story import DAYS, Story
from openusage.demo.tool import InventedTool

__all__ = ["DAYS", "MACHINES", "InventedTool", "Machine", "Story", "Use"]
