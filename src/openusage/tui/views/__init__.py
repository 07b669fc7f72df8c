"""How tiles are laid out: grid, stacked, tabs, split, compare; pure, and the widgets that use it."""
