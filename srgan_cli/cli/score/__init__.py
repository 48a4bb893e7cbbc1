"""The score command."""
