"""The type of progress callbacks."""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # called with the amount done and the total, in the same unit
