"""How long work tells whoever watches how far it has come."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all, in one unit."""
