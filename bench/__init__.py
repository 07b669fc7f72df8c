"""Speed and memory against their floors: `python -m bench`, or one of its parts: `python -m bench.read`."""
