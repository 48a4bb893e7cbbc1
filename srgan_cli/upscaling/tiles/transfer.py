"""Tiles on their way to a device, through the generator, and back."""

import time
from collections.abc import Callable
from threading import Lock, local

import torch
from torch import Tensor

from srgan_cli.networks import Generator
from srgan_cli.upscaling.precision import MixedPrecision
from srgan_cli.upscaling.tiles.progress import LayerWatch

_OnLayer = Callable[[float], None] | None


class GeneratorLock:
    """Lets one thread at a time run a generator, and measures how long each thread waits."""

    def __init__(self) -> None:
        self.lock, self.thread = Lock(), local()

    def __enter__(self) -> None:
        began = time.monotonic()
        self.lock.acquire()
        self.thread.waited = self.wait_seconds + time.monotonic() - began

    def __exit__(self, *_: object) -> None:
        self.lock.release()

    @property
    def wait_seconds(self) -> float:
        """Seconds that the calling thread has waited in total."""
        return float(getattr(self.thread, "waited", 0.0))


class TileTransfer:
    """Moves tiles to a device, runs the generator on them, and moves the results back.

    On CUDA only the collector waits: a tile is sent from page-locked memory, and its result returns into page-locked
    memory on a stream of its own while the next tile is computed.  On other devices `submit` does all the work.
    """

    def __init__(self, generator: Generator, device: torch.device, lock: GeneratorLock | None = None) -> None:
        self.generator, self.device, self.lock = generator, device, lock or GeneratorLock()
        self.layers = LayerWatch(generator)
        self.copy_stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self.prefetch = 0 if self.copy_stream is None else 1  # tiles in flight while another one is submitted

    def submit(self, tile: Tensor, crop: Callable[[Tensor], Tensor], on_layer: _OnLayer = None) -> Callable[[], Tensor]:
        """Start to enlarge a tile (C, H, W).  The returned function waits and returns `crop` of the result, on the CPU.

        A tile that broke in half precision is computed again when it is collected.  `on_layer` is called with its share
        of the work after each layer.
        """
        generator, x = self.generator, self._to_device(tile[None])
        if not isinstance(generator, MixedPrecision):
            return self._to_host(crop(self._run(generator, x, on_layer)[0]))
        enlarged = self._run(generator, x, on_layer)
        stats, result = self._to_host(generator.health_stats(enlarged, x)), self._to_host(crop(enlarged[0]))

        def collect() -> Tensor:
            return crop(self._run(generator.run_float32, x)[0]).cpu() if generator.is_broken(stats()) else result()

        return collect

    def _run(self, network: Callable[..., Tensor], x: Tensor, on_layer: _OnLayer = None) -> Tensor:
        with self.lock, self.layers.reporting(on_layer):
            return network(x)

    def _to_device(self, x: Tensor) -> Tensor:
        return x.to(self.device) if self.copy_stream is None else x.pin_memory().to(self.device, non_blocking=True)

    def _to_host(self, tensor: Tensor) -> Callable[[], Tensor]:
        """Start to copy a tensor to the CPU.  The returned function waits for the copy and returns it."""
        if self.copy_stream is None:
            return tensor.cpu
        source = tensor.contiguous()
        host_copy = torch.empty(source.shape, dtype=source.dtype, pin_memory=True)
        self.copy_stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.copy_stream):
            host_copy.copy_(source, non_blocking=True)
        source.record_stream(self.copy_stream)
        copied = self.copy_stream.record_event(torch.cuda.Event(blocking=True))  # type: ignore[no-untyped-call]

        def wait() -> Tensor:
            copied.synchronize()
            return host_copy

        return wait
