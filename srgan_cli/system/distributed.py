"""World: the processes that torchrun starts for one training run or one folder of pictures; usually just one."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import HashStore, PrefixStore, Store, TCPStore  # type: ignore[attr-defined]
from torch.nn.parallel import DistributedDataParallel

from srgan_cli.errors import UsageError, errors_as
from srgan_cli.system.devices import pick_device

Item = TypeVar("Item")
_HINT = "start srgan by torchrun, or unset WORLD_SIZE and RANK"
_reading_variables = partial(
    errors_as, UsageError, "the variables of torchrun are incomplete: {reason}", _HINT, (KeyError, ValueError)
)


@dataclass(frozen=True)
class World:
    """The position of this process among the processes of a job."""

    rank: int = 0
    """Number of this process, 0 … size - 1."""
    size: int = 1
    """Number of processes."""
    local_rank: int = 0
    """Number of this process on its machine."""
    restarts: int = 0
    """How often torchrun has restarted the processes."""

    @classmethod
    def from_environment(cls) -> "World":
        """The world that torchrun describes in environment variables; without torchrun, a single process.

        Raises UsageError for variables that are no numbers.
        """
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
        with _reading_variables():
            rank, size, local_rank, restarts = (int(os.environ.get(name) or 0) for name in names)
        return cls(rank, size, local_rank, restarts) if size > 1 else cls(restarts=restarts)

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """The name of the device for this process: with several processes, `auto` and `cuda` are one GPU each."""
        one_each = self.size > 1 and name in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{self.local_rank}" if one_each else name

    @contextmanager
    def join(self, device: str) -> Iterator[Store]:
        """Connect to the other processes; yields a key-value store that all of them share.

        `device` is what the user asked for.  The processes use NCCL where it is a GPU, and Gloo otherwise.
        Raises UnknownDevice when this machine has no such device, or fewer GPUs than processes.
        """
        if self.size == 1:
            yield HashStore()
            return
        own = pick_device(self.device(device))
        if own.type == "cuda":
            torch.cuda.set_device(own)
        backend = "nccl" if own.type == "cuda" else "gloo"
        store = self._store()
        dist.init_process_group(backend, store=PrefixStore("group", store), rank=self.rank, world_size=self.size)
        try:
            yield PrefixStore("work", store)
        finally:
            dist.destroy_process_group()

    def _store(self) -> Any:
        """The store where the processes exchange addresses; a restart gets keys of its own."""
        with _reading_variables():
            host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        is_server = self.is_main and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        return PrefixStore(f"start {self.restarts}", TCPStore(host, port, self.size, is_server))

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network, with its gradients averaged over all processes in the backward pass."""
        return network if self.size == 1 else DistributedDataParallel(network)

    def gather(self, items: list[Item]) -> list[Item]:
        """The items of all processes, in the order of their ranks."""
        if self.size == 1:
            return items
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, items)
        return [item for part in parts for item in part]

    def broadcast(self, value: Item) -> Item:
        """The value of the main process, in every process."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0)
        return values[0]

    def all_true(self, condition: bool) -> bool:
        """Whether the condition holds in every process."""
        return all(self.gather([condition]))

    def collect(self, store: Store, value: Any) -> list[Any]:
        """The JSON values of all processes, for the main one, which waits without limit; none for the others."""
        store.set(f"result {self.rank}", json.dumps(value))
        if not self.is_main:
            return []
        keys = [f"result {rank}" for rank in range(self.size)]
        while not store.check(keys):
            time.sleep(0.1)
        return [json.loads(store.get(key)) for key in keys]


def shared_queue(store: Store, items: Sequence[Item]) -> Iterator[Item]:
    """Yield those of the items that no other process has taken; an item is taken when it is requested."""
    while (number := store.add("taken", 1) - 1) < len(items):
        yield items[number]


SINGLE_PROCESS = World()
