"""The run folder: checkpoints, logs, validation, sample sheets, the initial weights."""
