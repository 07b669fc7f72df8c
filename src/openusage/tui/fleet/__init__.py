"""The fleet screen: all machines of a hub. Drawn from a `Pane`, part by part; `screen` places the parts."""
