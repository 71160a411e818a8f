"""One process of the control plane: started, watched, and for tests of faults also harmed."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mintmaster.localcluster.api_access import ApiAccess, CertificateAccess, PlainAccess
from mintmaster.localcluster.errors import (
    DeadComponentError,
    NotReadyError,
    RequestError,
    log_excerpt,
)
from mintmaster.localcluster.process import POLL_SECONDS, Process, spawn, undisturbed

if TYPE_CHECKING:
    from mintmaster.localcluster.certificates import Certificates

STOP_SECONDS = 5.0
"""How long a process may take to end politely."""

READY_SECONDS = 60.0
"""How long a process may take to become ready; it takes about one on an idle machine."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to run a component: program and arguments, and the URL that says that it is ready."""

    name: str
    argv: tuple[str, ...]
    health: str


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """How a component is; `pid` is None if it does not run."""

    name: str
    pid: int | None
    ready: bool
    log: str


class Component:
    """A process of the control plane, which keeps its port, arguments and data when restarted.

    All that is known of it stands in the file `<folder>/components/<name>.json`, so that any
    process can go on where another left off.
    """

    def __init__(self, folder: Path, recipe: Recipe, certificates: "Certificates") -> None:
        self.recipe = recipe
        self.log = folder / "logs" / f"{recipe.name}.log"
        self._certificates = certificates
        self._pid_file = folder / "components" / f"{recipe.name}.pid"

    @property
    def name(self) -> str:
        """The name of the program, such as kube-apiserver."""
        return self.recipe.name

    @property
    def process(self) -> Process | None:
        """The process that was started last, whether it still runs or not."""
        try:
            pid, started = self._pid_file.read_text().split()
        except FileNotFoundError:
            return None
        return Process(int(pid), int(started))

    @property
    def running(self) -> bool:
        """Whether the process runs, be it paused."""
        process = self.process
        return process is not None and process.alive

    def start(self) -> None:
        """Start the process unless it runs; returns at once, see `wait_ready`."""
        if self.running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        with undisturbed():
            process = spawn(self.recipe.argv, self.log)
            write_whole(self._pid_file, f"{process.pid} {process.started}")

    def stop(self) -> None:
        """End the process politely; by force if that takes longer than STOP_SECONDS."""
        process = self.process
        if process is not None:
            process.stop(STOP_SECONDS)

    def kill(self) -> None:
        """End the process at once (SIGKILL), and return when it is gone."""
        process = self.process
        if process is not None and process.signal(signal.SIGKILL):
            process.wait(STOP_SECONDS)

    def pause(self) -> None:
        """Let the process hang (SIGSTOP): it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def check(self) -> None:
        """Raise RequestError unless the process says that it is ready."""
        url = urlsplit(self.recipe.health)
        server = f"{url.scheme}://{url.netloc}"
        self._access(server).request("GET", url.path)

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait up to `timeout` seconds; raise DeadComponentError or NotReadyError, with its log."""
        deadline = time.monotonic() + timeout
        while not self._ready(give_up=time.monotonic() > deadline):
            time.sleep(POLL_SECONDS)

    def status(self) -> ComponentStatus:
        """Look at the process and ask it whether it is ready."""
        process = self.process
        pid = process.pid if process is not None and process.alive else None
        return ComponentStatus(self.name, pid, pid is not None and self._answers(), str(self.log))

    def _access(self, server: str) -> ApiAccess:
        if server.startswith("http:"):
            return PlainAccess(server)
        return CertificateAccess.as_admin(server, self._certificates)

    def _signal(self, number: signal.Signals) -> None:
        process = self.process
        if process is None or not process.signal(number):
            raise DeadComponentError(f"{self.name} does not run, so it gets no {number.name}")

    def _answers(self) -> bool:
        try:
            self.check()
        except RequestError:
            return False
        return True

    def _ready(self, *, give_up: bool) -> bool:
        if not self.running:
            raise DeadComponentError(f"{self.name} ended by itself; {log_excerpt(self.log)}")
        try:
            self.check()
        except RequestError as error:
            if give_up:
                raise NotReadyError(
                    f"{self.name} is not ready: {error}; {log_excerpt(self.log)}"
                ) from error
            return False
        return True


def save_recipe(folder: Path, recipe: Recipe) -> None:
    """Write down how to run a component."""
    path = folder / "components" / f"{recipe.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"name": recipe.name, "argv": recipe.argv, "health": recipe.health}
    write_whole(path, json.dumps(content, indent=2))


def load_recipe(path: Path) -> Recipe:
    """Read what `save_recipe` wrote."""
    content = json.loads(path.read_text())
    return Recipe(content["name"], tuple(content["argv"]), content["health"])


def write_whole(path: Path, text: str) -> None:
    """Replace a file such that a reader sees the old or the new text, never a part."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)
