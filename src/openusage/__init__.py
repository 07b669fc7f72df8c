"""openusage: what your AI coding tools used, what it cost, which limit is near, on all your machines."""

__version__ = "0.1.0"
