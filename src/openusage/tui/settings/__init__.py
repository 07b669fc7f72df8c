"""Settings inside the application: what can be chosen, tab by tab, and the screen that shows it.

A tab is pure: rows out of a state, and for a key the change it means. The screen saves each change at once.
"""
