"""World: the processes that share a training or a folder, as torchrun starts them; mostly there is one."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import HashStore, PrefixStore, Store, TCPStore  # type: ignore[attr-defined]
from torch.nn.parallel import DistributedDataParallel

Item = TypeVar("Item")
_PAUSE = 0.1


@dataclass(frozen=True)
class World:
    """This process's number among how many, its number on its machine, and how often torchrun has restarted them."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    restarts: int = 0

    @classmethod
    def from_environment(cls) -> "World":
        """What torchrun has put into the environment."""
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "TORCHELASTIC_RESTART_COUNT")
        rank, size, local_rank, restarts = (int(os.environ.get(name, 0)) for name in names)
        return cls(rank, max(1, size), local_rank, restarts)

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes and talks."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """The name of this process's device: every process of a machine takes a GPU of its own."""
        shared = self.size > 1 and name in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{self.local_rank}" if shared else name

    @contextmanager
    def join(self) -> Iterator[Store]:
        """Meet the other processes, and part from them at the end; gives a store that all of them share."""
        if self.size == 1:
            yield HashStore()
            return
        if torch.cuda.is_available():
            torch.cuda.set_device(self.local_rank)
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        store = self._store()
        dist.init_process_group(backend, store=PrefixStore("group", store), rank=self.rank, world_size=self.size)
        try:
            yield PrefixStore("work", store)
        finally:
            dist.destroy_process_group()

    def _store(self) -> Any:
        """Where the processes leave their addresses, apart from those of the processes before a restart."""
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        serves = self.is_main and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        store = TCPStore(host, port, self.size, serves)
        return PrefixStore(f"start {self.restarts}", store)

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network, its gradients averaged over all processes on the way back."""
        return network if self.size == 1 else DistributedDataParallel(network)

    def gather(self, items: list[Item]) -> list[Item]:
        """The items of all processes, those of the first process first."""
        if self.size == 1:
            return items
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, items)
        return [item for part in parts for item in part]

    def broadcast(self, value: Item) -> Item:
        """What the leading process says, for all."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, 0)
        return values[0]

    def all_true(self, condition: bool) -> bool:
        """Whether it holds in every process."""
        return all(self.gather([condition]))

    def collect(self, store: Store, value: Any) -> list[Any]:
        """What every process tells, as JSON holds it, for the leading one, which waits for all; nothing for others."""
        store.set(f"told by {self.rank}", json.dumps(value))
        if not self.is_main:
            return []
        keys = [f"told by {rank}" for rank in range(self.size)]
        while not store.check(keys):
            time.sleep(_PAUSE)
        return [json.loads(store.get(key)) for key in keys]


def shared_queue(store: Store, items: Sequence[Item]) -> Iterator[Item]:
    """Those of the items that no other process takes, each taken when it is asked for."""
    while (number := store.add("taken", 1) - 1) < len(items):
        yield items[number]


SINGLE_PROCESS = World()
