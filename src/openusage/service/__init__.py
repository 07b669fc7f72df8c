"""Keeps the daemon, or a hub, running: what a service manager is told, and where its secrets are.

One pure class a manager (`systemd`, `launchd`, `windows`) turns a `Service` into files and commands; `run` is
the only module that writes and starts anything. Secrets go into an environment file that its owner alone can
read (`environment`), never into what a manager or a process list shows.
"""

from openusage.service.contract import Manager, Service, State
from openusage.service.environment import DAEMON_NAMES, HUB_NAMES, SYSTEM_NAMES, EnvFile
from openusage.service.keeper import Keeper, Told
from openusage.service.place import manager_of
from openusage.service.run import Runner, own_uid
from openusage.service.systemd import Systemd

__all__ = [
    "DAEMON_NAMES",
    "HUB_NAMES",
    "SYSTEM_NAMES",
    "EnvFile",
    "Keeper",
    "Manager",
    "Runner",
    "Service",
    "State",
    "Systemd",
    "Told",
    "manager_of",
    "own_uid",
]
