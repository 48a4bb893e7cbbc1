"""Workers on a Ray cluster, or on a local Ray that lives as long as this process."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from srgan_cli.batch.runner import Worker
from srgan_cli.batch.worker_processes import RemoteWorker, WorkerProxy, WorkerSpec, chdir_if_exists, translate_death
from srgan_cli.errors import SrganError, UsageError, errors_as, import_extra
from srgan_cli.system.processes import cores
from srgan_cli.upscaling.tiles.memory_limit import TilePolicy
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE

RAY = "ray"
_ADDRESS, _TOKEN = "RAY_ADDRESS", "RAY_AUTH_TOKEN"
_UNREACHABLE_HINT = "check that it is running; if it requires a token, set RAY_AUTH_TOKEN"
_LOCAL = "local"
_KINDS = ("cpu", "cuda")
Returned = TypeVar("Returned")


@contextmanager
def ray_session(cluster: str, devices: str = "") -> Iterator[None]:
    """Connect to the cluster at ray://host:port; for `ray`, to the one at $RAY_ADDRESS or to a new local one.

    A local one has a core for each cpu in `devices`.  Raises UsageError if Ray is not installed or `cluster` is not an
    address, and SrganError if the cluster cannot be reached.
    """
    address = _address(cluster)
    ray, handler = _import_ray(), signal.getsignal(signal.SIGTERM)
    options: dict[str, Any] = {}
    if address == _LOCAL:
        os.environ.setdefault(_TOKEN, token_hex(32))  # else Ray writes one to the home folder
        cpus = max(cores(), devices.count("cpu"))
        options = {"num_cpus": cpus, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    elif folder := os.environ.get(METRIC_WEIGHTS_VARIABLE):
        options = {"runtime_env": {"env_vars": {METRIC_WEIGHTS_VARIABLE: folder}}}
    kinds, message = (ConnectionError, RuntimeError, ValueError), "cannot reach Ray at {address}: {reason}"
    with errors_as(SrganError, message, _UNREACHABLE_HINT, kinds, address=address):
        ray.init(address, log_to_driver=False, logging_level="ERROR", **options)
    ray._private.worker._worker_logs_enabled = False  # Ray prints lost workers to stdout
    signal.signal(signal.SIGTERM, handler)  # Ray's handler exits with another code
    try:
        yield
    finally:
        ray.shutdown()


def _address(cluster: str) -> str:
    """The address of the cluster for Ray, whose client sends the token if there is one.  Raises UsageError."""
    if cluster != RAY and not cluster.startswith(f"{RAY}://"):
        raise UsageError(f"cannot run on {cluster!r}", "use --on ray, or --on ray://host:10001")
    address = os.environ.get(_ADDRESS, _LOCAL) if cluster == RAY else cluster
    with suppress(RuntimeError):  # there may be no home folder
        has_token = any(name in os.environ for name in (_TOKEN, f"{_TOKEN}_PATH"))
        if address.startswith(f"{RAY}://") and (has_token or (Path.home() / ".ray/auth_token").exists()):
            os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray itself sends it on the same machine only
    return address


def start_ray_workers(spec: WorkerSpec, devices: str, policy: TilePolicy) -> list[Worker]:
    """A worker for each of the devices, cpu or cuda; "" or all for every free one.  Raises UsageError for more."""
    available = _import_ray().available_resources()
    free = {"cpu": int(available.get("CPU", 0)), "cuda": int(available.get("GPU", 0))}
    named = [] if devices in ("", "all") else devices.split(",")
    if unknown := [name for name in named if name not in _KINDS]:
        raise UsageError(f"Ray has no device {unknown[0]!r}", "list cpu or cuda once per worker, or use all")
    kind = "cuda" if free["cuda"] else "cpu"
    chosen = named or [kind] * free[kind]
    if not chosen or any(chosen.count(kind) > free[kind] for kind in _KINDS):
        available = f"{free['cuda']} GPUs and {free['cpu']} cores"
        raise UsageError(f"Ray has {available} free, {len(chosen)} workers were requested", "request fewer, or wait")
    return [_RayWorker(spec, name, spec.concurrency(name, policy, max(1, free["cuda"]))) for name in chosen]


class _RayWorker(WorkerProxy[Any]):
    def connect(self) -> Any:
        """Start an actor with a core or a GPU of its own."""
        resources = {"num_cpus": 1} if self.arguments[1] == "cpu" else {"num_cpus": 0, "num_gpus": 1}
        resources["max_concurrency"] = self.concurrency + 1  # one more than the files at once, for the call of `stop`
        return _import_ray().remote(RemoteWorker).options(**resources).remote(*self.arguments)

    def call(self, connection: Any, method: str, *arguments: Any) -> Any:
        """The result of a method of the actor.  Raises WorkerDied, and the errors of the actor."""
        ray = _import_ray()
        try:
            with translate_death(ray.exceptions.RayActorError):
                return ray.get(getattr(connection, method).remote(*arguments))
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None

    def disconnect(self, connection: Any) -> None:
        _import_ray().kill(connection)


class RayExecutor(Executor):
    """Runs functions as Ray tasks, which are retried when a worker dies."""

    @property
    def size(self) -> int:
        """The number of free cores."""
        return max(1, int(_import_ray().available_resources().get("CPU", 0)))

    def submit(self, function: Callable[..., Returned], /, *arguments: Any, **named: Any) -> Future[Returned]:
        """A future for the function's result."""
        call = _import_ray().remote(_call)
        return call.remote(Path.cwd(), function, *arguments, **named).future()  # type: ignore[no-any-return]


def _call(start: Path, function: Callable[..., Returned], *arguments: Any, **named: Any) -> Returned:
    chdir_if_exists(start)
    return function(*arguments, **named)


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report its use
    return import_extra("ray", "ray", "Ray is not installed")
