"""The options of srgan serve."""

from dataclasses import dataclass

from srgan_cli.cli.options import Debug, Device, MaxPixels, NoConfig, Offline, option


@dataclass(frozen=True, kw_only=True)
class ServeArguments:
    """The options of srgan serve."""

    host: str = option("127.0.0.1", "The address to listen on; 0.0.0.0 for all networks of this machine.")
    port: int = option(7860, "The port to listen on.", min=1, max=65_535)
    model: str = option("auto", "The weights that are chosen at first, as for srgan upscale.", *("--model", "-m"))
    offline: Offline = False
    device: Device = "auto"
    max_pixels: MaxPixels = None
    max_upload: int = option(100, "The largest file that is accepted, in megabytes.", min=1)
    share: bool = option(False, "Make the page public through gradio's servers.  Pictures pass through them.")
    no_config: NoConfig = False
    debug: Debug = False
