"""What developers run: the generator of invented homes, the demo, generated pages and pictures."""
