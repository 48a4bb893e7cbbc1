"""Work on a Ray cluster, or on a Ray that lives as long as this process."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

from srgan_cli.batch.processor import hands
from srgan_cli.batch.runner import Worker
from srgan_cli.batch.task import Result, Task
from srgan_cli.batch.workers import Distant, Order, Station, go_to, noticing
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.system.processes import cores
from srgan_cli.upscaling.tiles.tiling import TilePolicy
from srgan_cli.weights.backbones import FOLDER

RAY = "ray"
_ADDRESS, _TOKEN = "RAY_ADDRESS", "RAY_AUTH_TOKEN"
_UNREACHED = "is it running there? If it asks for a token, set RAY_AUTH_TOKEN"
_MEMORY = 100 * 2**20
_KINDS = ("cpu", "cuda")
Given = TypeVar("Given")


@contextmanager
def connected(place: str, devices: str = "") -> Iterator[None]:
    """Within it, Ray is there: the cluster at ray://host:port; for `ray` that of $RAY_ADDRESS, or one made here.

    One made here has room for the devices.  Raises UsageError where Ray is not installed or `place` is none, and
    SrganError where nothing answers.
    """
    if place != RAY and not place.startswith(f"{RAY}://"):
        raise UsageError(f"cannot work on {place!r}", "--on ray, or --on ray://host:10001")
    address = os.environ.get(_ADDRESS, "local") if place == RAY else place
    if address.startswith(f"{RAY}://"):
        _show_token()
    ray, ending = _library(), signal.getsignal(signal.SIGTERM)
    own = {"num_cpus": max(cores(), devices.count("cpu")), "object_store_memory": _MEMORY, "include_dashboard": False}
    far = {"runtime_env": {"env_vars": {FOLDER: os.environ[FOLDER]}}} if FOLDER in os.environ else {}
    if address == "local":
        os.environ.setdefault(_TOKEN, token_hex(32))  # else Ray would leave one in the home folder, or fail to
    try:
        ray.init(address, log_to_driver=False, logging_level="ERROR", **(own if address == "local" else far))
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SrganError(f"cannot reach Ray at {address}: {reason}", _UNREACHED) from error
    ray._private.worker._worker_logs_enabled = False  # Ray tells of lost workers where our results go
    signal.signal(signal.SIGTERM, ending)  # Ray's own handler would exit with another code
    try:
        yield
    finally:
        ray.shutdown()


def hire(order: Order, devices: str, policy: TilePolicy) -> list[Worker]:
    """Workers on the cluster: one for each of the devices, which are cpu (a core) or cuda.

    Of all, or where none are named: one for every free GPU, or every free core where there is no GPU.
    Raises UsageError for more than are free.
    """
    free = {
        kind: int(_library().available_resources().get(name, 0)) for kind, name in (("cpu", "CPU"), ("cuda", "GPU"))
    }
    named = [] if devices in ("", "all") else devices.split(",")
    unknown = [name for name in named if name not in _KINDS]
    if unknown:
        raise UsageError(f"on Ray there is no device {unknown[0]!r}", "name cpu or cuda as often as wanted, or all")
    kind = "cuda" if free["cuda"] else "cpu"
    chosen = named or [kind] * free[kind]
    if not chosen or any(chosen.count(kind) > free[kind] for kind in _KINDS):
        there = f"{free['cuda']} GPUs and {free['cpu']} cores"
        raise UsageError(f"Ray has {there} free, {len(chosen)} workers were asked for", "ask for fewer, or wait")
    sharers = max(1, free["cuda"])
    return [OnRay(order, name, hands(name, policy, sharers)) for name in chosen]


class OnRay(Distant[Any]):
    """A worker that Ray finds a machine for."""

    def begin(self) -> Any:
        """An actor on a core or a GPU of its own."""
        takes = {"num_cpus": 1} if self.told[1] == "cpu" else {"num_cpus": 0, "num_gpus": 1}
        # One more than files in hand, for the word to stop.
        return _library().remote(Station).options(max_concurrency=self.hands + 1, **takes).remote(*self.told)

    def ask(self, line: Any, task: Task) -> Result:
        """What the actor makes of a task."""
        result: Result = _answer(line.work.remote(task))
        return result

    def halt(self, line: Any) -> None:
        """Tell the actor."""
        _answer(line.stop.remote())

    def end(self, line: Any) -> None:
        """End the actor."""
        _library().kill(line)


class Pool(Executor):
    """Runs functions as Ray's tasks, again where a worker dies; `size` of them at once."""

    @property
    def size(self) -> int:
        """The free cores."""
        return max(1, int(_library().available_resources().get("CPU", 0)))

    def submit(self, function: Callable[..., Given], /, *arguments: Any, **named: Any) -> Future[Given]:
        """What the function will have given."""
        future: Future[Given] = _library().remote(_call).remote(Path.cwd(), function, *arguments, **named).future()
        return future


def _show_token() -> None:
    """Have Ray's client show the token, if there is one, which Ray does by itself for clusters that are not far."""
    with suppress(RuntimeError):  # there may be no home folder
        if any(name in os.environ for name in (_TOKEN, f"{_TOKEN}_PATH")) or (Path.home() / ".ray/auth_token").exists():
            os.environ.setdefault("RAY_AUTH_MODE", "token")


def _call(start: Path, function: Callable[..., Given], *arguments: Any, **named: Any) -> Given:
    go_to(start)
    return function(*arguments, **named)


def _answer(reference: Any) -> Any:
    """What an actor answers; its errors as they were raised there."""
    ray = _library()
    try:
        with noticing(ray.exceptions.RayActorError):
            return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _library() -> Any:
    """Ray.  Raises UsageError where it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report its use to its makers
    try:
        import ray
    except ImportError as error:
        raise UsageError("Ray is not installed", "pip install 'srgan-cli[ray]'") from error
    return ray
