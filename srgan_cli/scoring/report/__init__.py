"""Reports of scores: summaries, text formats, figures and HTML pages."""
