"""Fetching weights before they are loaded, with a progress bar."""

from srgan_cli.cli.console import info, progress_bar


def resolve_model(model: str, offline: bool) -> str:
    """The path of the cached file if the model is an address, else the model; prints the licence of a new one."""
    from srgan_cli.weights.hub import fetch, is_cached, is_reference

    if not is_reference(model):
        return model
    is_new = not is_cached(model)
    with progress_bar(model) as progress:
        cached = fetch(model, offline=offline, progress=progress)
    if is_new:
        licence = cached.licence or "unknown, see where it comes from"
        info(f"{cached.name}: licence {licence}; sha256 {cached.sha256}; kept in {cached.path.parent}")
    return str(cached.path)
