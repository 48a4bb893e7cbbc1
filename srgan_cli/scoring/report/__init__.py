"""Reports of scores as text, figure and page."""
