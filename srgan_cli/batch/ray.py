"""Work on a Ray cluster, or on a Ray that lives as long as this process."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from srgan_cli.batch.processor import default_concurrency
from srgan_cli.batch.runner import Worker
from srgan_cli.batch.task import Task, TaskResult
from srgan_cli.batch.workers import RemoteWorker, WorkerProxy, WorkerSpec, chdir_if_exists, translate_worker_death
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.system.processes import cores
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.weights.backbones import METRIC_WEIGHTS_VARIABLE

RAY = "ray"
_ADDRESS, _TOKEN = "RAY_ADDRESS", "RAY_AUTH_TOKEN"
_UNREACHABLE_HINT = "is it running there? If it asks for a token, set RAY_AUTH_TOKEN"
_MEMORY = 100 * 2**20
_KINDS = ("cpu", "cuda")
Returned = TypeVar("Returned")


@contextmanager
def ray_session(cluster: str, devices: str = "") -> Iterator[None]:
    """Within it, Ray is there: the cluster at ray://host:port; for `ray` that of $RAY_ADDRESS, or one made here.

    One made here has room for the devices.  Raises UsageError where Ray is not installed or `cluster` is none, and
    SrganError where nothing answers.
    """
    if cluster != RAY and not cluster.startswith(f"{RAY}://"):
        raise UsageError(f"cannot work on {cluster!r}", "--on ray, or --on ray://host:10001")
    address = os.environ.get(_ADDRESS, "local") if cluster == RAY else cluster
    if address.startswith(f"{RAY}://"):
        _pass_token()
    ray, ending = _import_ray(), signal.getsignal(signal.SIGTERM)
    local_options = {
        "num_cpus": max(cores(), devices.count("cpu")),
        "object_store_memory": _MEMORY,
        "include_dashboard": False,
    }
    remote_options = (
        {"runtime_env": {"env_vars": {METRIC_WEIGHTS_VARIABLE: os.environ[METRIC_WEIGHTS_VARIABLE]}}}
        if METRIC_WEIGHTS_VARIABLE in os.environ
        else {}
    )
    if address == "local":
        os.environ.setdefault(_TOKEN, token_hex(32))  # else Ray would leave one in the home folder, or fail to
    try:
        ray.init(
            address,
            log_to_driver=False,
            logging_level="ERROR",
            **(local_options if address == "local" else remote_options),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SrganError(f"cannot reach Ray at {address}: {reason}", _UNREACHABLE_HINT) from error
    ray._private.worker._worker_logs_enabled = False  # Ray tells of lost workers where our results go
    signal.signal(signal.SIGTERM, ending)  # Ray's own handler would exit with another code
    try:
        yield
    finally:
        ray.shutdown()


def start_ray_workers(spec: WorkerSpec, devices: str, policy: TilePolicy) -> list[Worker]:
    """Workers on the cluster: one for each of the devices, which are cpu (a core) or cuda.

    Of all, or where none are named: one for every free GPU, or every free core where there is no GPU.
    Raises UsageError for more than are free.
    """
    free = {
        kind: int(_import_ray().available_resources().get(name, 0)) for kind, name in (("cpu", "CPU"), ("cuda", "GPU"))
    }
    named = [] if devices in ("", "all") else devices.split(",")
    unknown = [name for name in named if name not in _KINDS]
    if unknown:
        raise UsageError(f"on Ray there is no device {unknown[0]!r}", "name cpu or cuda as often as wanted, or all")
    kind = "cuda" if free["cuda"] else "cpu"
    chosen = named or [kind] * free[kind]
    if not chosen or any(chosen.count(kind) > free[kind] for kind in _KINDS):
        available = f"{free['cuda']} GPUs and {free['cpu']} cores"
        raise UsageError(f"Ray has {available} free, {len(chosen)} workers were asked for", "ask for fewer, or wait")
    processes_sharing = max(1, free["cuda"])
    return [RayWorker(spec, name, default_concurrency(name, policy, processes_sharing)) for name in chosen]


class RayWorker(WorkerProxy[Any]):
    """A worker that Ray finds a machine for."""

    def connect(self) -> Any:
        """An actor on a core or a GPU of its own."""
        resources = {"num_cpus": 1} if self.arguments[1] == "cpu" else {"num_cpus": 0, "num_gpus": 1}
        # One more than files in hand, for the word to stop.
        return (
            _import_ray()
            .remote(RemoteWorker)
            .options(max_concurrency=self.concurrency + 1, **resources)
            .remote(*self.arguments)
        )

    def run_task(self, connection: Any, task: Task) -> TaskResult:
        """What the actor makes of a task."""
        result: TaskResult = _get_result(connection.process.remote(task))
        return result

    def send_stop(self, connection: Any) -> None:
        """Tell the actor."""
        _get_result(connection.stop.remote())

    def disconnect(self, connection: Any) -> None:
        """End the actor."""
        _import_ray().kill(connection)


class RayExecutor(Executor):
    """Runs functions as Ray's tasks, again where a worker dies; `size` of them at once."""

    @property
    def size(self) -> int:
        """The free cores."""
        return max(1, int(_import_ray().available_resources().get("CPU", 0)))

    def submit(self, function: Callable[..., Returned], /, *arguments: Any, **named: Any) -> Future[Returned]:
        """What the function will have given."""
        future: Future[Returned] = (
            _import_ray().remote(_call).remote(Path.cwd(), function, *arguments, **named).future()
        )
        return future


def _pass_token() -> None:
    """Have Ray's client show the token, if there is one, which Ray does by itself for clusters that are not far."""
    with suppress(RuntimeError):  # there may be no home folder
        if any(name in os.environ for name in (_TOKEN, f"{_TOKEN}_PATH")) or (Path.home() / ".ray/auth_token").exists():
            os.environ.setdefault("RAY_AUTH_MODE", "token")


def _call(start: Path, function: Callable[..., Returned], *arguments: Any, **named: Any) -> Returned:
    chdir_if_exists(start)
    return function(*arguments, **named)


def _get_result(reference: Any) -> Any:
    """What an actor answers; its errors as they were raised there."""
    ray = _import_ray()
    try:
        with translate_worker_death(ray.exceptions.RayActorError):
            return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _import_ray() -> Any:
    """Ray.  Raises UsageError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report its use to its makers
    try:
        import ray
    except ImportError as error:
        raise UsageError("Ray is not installed", "pip install 'srgan-cli[ray]'") from error
    return ray
