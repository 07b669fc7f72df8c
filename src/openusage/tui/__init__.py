"""The dashboard in a terminal: one Textual application for this machine, a hub and a hub's viewer."""
