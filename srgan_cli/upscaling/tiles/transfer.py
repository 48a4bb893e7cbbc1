"""Tiles on their way to a device, through a generator, and back."""

from collections.abc import Callable

import torch
from torch import Tensor

from srgan_cli.networks import Generator
from srgan_cli.upscaling.precision import MixedPrecision


class TileTransfer:
    """The way of tiles to a device, through a generator, and back.

    On CUDA only who collects waits: a tile goes there from page-locked memory, and what comes of it returns into such
    memory by a stream of its own while the next tile is computed.  Elsewhere each is done when it is sent.
    `prefetch`: how many tiles are worth having under way while another one is sent.
    """

    def __init__(self, generator: Generator, device: torch.device) -> None:
        self.generator, self.device = generator, device
        on_cuda = device.type == "cuda"
        self.copy_stream = torch.cuda.Stream(device) if on_cuda else None  # type: ignore[no-untyped-call]
        self.prefetch = 0 if self.copy_stream is None else 1

    def submit(self, tile: Tensor, crop: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
        """Begin to enlarge (C, H, W); what is returned gives `crop` of the result, in the host's memory.

        What broke in half precision is computed again when it is collected.
        """
        generator, x = self.generator, self._to_device(tile[None])
        if not isinstance(generator, MixedPrecision):
            return self._to_host(crop(generator(x)[0]))
        enlarged = generator(x, check=False)
        stats, result = self._to_host(generator.health_stats(enlarged, x)), self._to_host(crop(enlarged[0]))
        return lambda: crop(generator(x)[0]).cpu() if generator.is_broken(stats()) else result()

    def _to_device(self, x: Tensor) -> Tensor:
        if self.copy_stream is None:
            return x.to(self.device)
        return x.pin_memory().to(self.device, non_blocking=True)

    def _to_host(self, tensor: Tensor) -> Callable[[], Tensor]:
        """What waits for a tensor and gives it in the host's memory, where a CPU's are already."""
        if self.copy_stream is None:
            return tensor.cpu
        whole = tensor.contiguous()
        host_copy = torch.empty(whole.shape, dtype=whole.dtype, pin_memory=True)
        self.copy_stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.copy_stream):
            host_copy.copy_(whole, non_blocking=True)
        whole.record_stream(self.copy_stream)
        copied = self.copy_stream.record_event(torch.cuda.Event(blocking=True))  # type: ignore[no-untyped-call]

        def collected() -> Tensor:
            copied.synchronize()
            return host_copy

        return collected
