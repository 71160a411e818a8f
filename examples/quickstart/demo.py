"""The demo: a control plane, the operator and the quickstart, from nothing to a deleted token and back to nothing.

    python examples/quickstart/demo.py [--keep]

Each step is a sentence, followed by the commands that it takes, as anybody could type them. It ends with exit code 0
and nothing left running; with --keep the cluster and the operator stay up. KUBECONFIG is ignored.
"""

import argparse
import base64
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from rich.console import Console

from mintmaster.localcluster.cluster import LocalCluster, names
from mintmaster.localcluster.errors import ClusterError
from mintmaster.localcluster.process import Process, spawn, undisturbed
from mintmaster.localcluster.progress import seconds
from mintmaster.localcluster.spec import ClusterSpec

CLUSTER = "demo"
NAMESPACE = "quickstart"
ISSUER = "default"
ROOT = Path(__file__).resolve().parents[2]

TIMEOUT = "30s"
"""How long kubectl waits for a condition; all of them come within a second or two."""

COLLECTION_TIMEOUT = "120s"
"""How long it waits for the garbage collector, which looks for new kinds of owners every 30 seconds."""

STOP_SECONDS = 15.0
"""How long the operator may take to finish what it began and to give its Lease away."""

LOG_LINES = 20
"""Lines of the operator's log that are shown after a failure."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as of a shell."""

console = Console(highlight=False, soft_wrap=True)


class DemoFailed(Exception):
    """A step did not come out as it should; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl on the demo's cluster and no other; every command is shown before it is run."""

    program: Path
    kubeconfig: Path

    def __call__(self, command: str) -> None:
        """Run a command and show what it prints."""
        console.print(self.ask(command).rstrip(), style="bright_black", markup=False)

    def ask(self, command: str) -> str:
        """Run a command and return what it prints, unseen: it may be a token."""
        console.print(f"$ kubectl {command}", style="cyan", markup=False)
        done = subprocess.run(
            [str(self.program), *shlex.split(command)],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoFailed(f"kubectl {command}: {done.stderr.strip()}")
        return done.stdout

    def read(self, what: str) -> Any:
        """Return an object as the API server has it."""
        return json.loads(self.ask(f"get {what} -o json"))


def main() -> int:
    """Run the demo and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Verbatim)
    parser.add_argument("--keep", action="store_true", help="leave cluster and operator up")
    keep = parser.parse_args().keep
    on_interrupt(_interrupt)
    started = time.monotonic()
    running = ExitStack()
    try:
        run(running, keep=keep)
    except KeyboardInterrupt:
        console.print("\nInterrupted.", style="yellow")
        return INTERRUPTED
    except (DemoFailed, ClusterError, JoseError) as error:
        console.print(f"\nThe demo failed: {error}", style="red", markup=False)
        return 1
    finally:
        end(running)
    console.print(f"\nThe demo took {seconds(time.monotonic() - started)}.", style="bold green")
    return 0


def run(running: ExitStack, *, keep: bool) -> None:
    """Show everything; what has to be ended is put on the stack, and taken off it to be kept."""
    cluster = cluster_up(running, keep=keep)
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    install(kubectl)
    log = cluster.paths.logs / "operator.log"
    operator = operator_up(running, cluster, log)
    with log_shown_on_failure(log, operator):
        kubectl(f"wait --for=condition=Ready tokenissuer --all --timeout={TIMEOUT}")
        tour(kubectl)
    if keep:
        running.pop_all()
        tell_how_to_go_on(kubectl, log)


class _Verbatim(argparse.RawDescriptionHelpFormatter):
    """Leaves the lines of the description as they are."""


def on_interrupt(handler: Callable[..., object] | signal.Handlers) -> None:
    """Say what Ctrl-C and its like do from now on."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def _interrupt(*_: object) -> NoReturn:
    on_interrupt(signal.SIG_IGN)
    raise KeyboardInterrupt


def cluster_up(running: ExitStack, *, keep: bool) -> LocalCluster:
    """Bring up a cluster; one that an earlier demo left up goes first."""
    step("A control plane of its own: etcd, kube-apiserver and kube-controller-manager.")
    if CLUSTER in names():
        LocalCluster.find(CLUSTER).down(say)
    # A temporary cluster goes even if this process is killed.
    cluster = LocalCluster.up(ClusterSpec(name=CLUSTER, temporary=not keep), say)
    running.callback(cluster.down, say)
    return cluster


def install(kubectl: Kubectl) -> None:
    """Install what an installation consists of, but for the operator's process."""
    step("The custom resources, and what an installation starts with.")
    kubectl("apply --server-side -f crds/")
    kubectl(f"wait --for=condition=Established crd --all --timeout={TIMEOUT}")
    kubectl("apply --server-side -k manifests/base")


def operator_up(running: ExitStack, cluster: LocalCluster, log: Path) -> Process:
    """Start the operator in the background, out of reach of Ctrl-C: it is ended in order."""
    step("The operator, in the background.")
    arguments = ("--kubeconfig", str(cluster.kubeconfig), "--listen", "127.0.0.1:0")
    command = ("operator", "--log-format", "text", *arguments)
    shown = shlex.join(("mintmaster", *command))
    console.print(f"$ {shown} 2> {log} &", style="cyan", markup=False)
    with undisturbed():
        process = spawn((sys.executable, "-m", "mintmaster", *command), log)
        running.callback(say, "the operator has ended")
        running.callback(process.stop, STOP_SECONDS)
    return process


def end(running: ExitStack) -> None:
    """End what runs, latest first; whoever is impatient cannot hinder it."""
    on_interrupt(signal.SIG_IGN)
    running.close()


@contextmanager
def log_shown_on_failure(log: Path, operator: Process) -> Iterator[None]:
    """Show the end of the operator's log if the block fails."""
    try:
        yield
    except Exception:
        show_tail(log, operator)
        raise


def tour(kubectl: Kubectl) -> None:
    """Show the life of a few tokens."""
    step("A runner and a user, each with a token declared in a few lines.")
    kubectl("apply --server-side -k examples/quickstart")
    kubectl(f"wait --for=condition=Ready -n {NAMESPACE} rr,uat --all --timeout={TIMEOUT}")
    kubectl("wait --for=condition=Ready -n mintmaster-system uat/mintmaster-admin")
    kubectl("get minted -A")
    verify(kubectl)
    rotate(kubectl)
    revoke(kubectl)
    delete(kubectl)


def verify(kubectl: Kubectl) -> None:
    """Decode the runner's token, and have a foreign library verify it."""
    step(
        "The runner's token, decoded. Its signature stays untold: with it, this would be the token."
    )
    token = token_of(kubectl, "builder-token")
    header, payload = (decoded(part) for part in token.split(".")[:2])
    console.print_json(data=header)
    console.print_json(data=payload)

    step(
        "The same token, verified by the library joserfc against the keys that the issuer publishes."
    )
    issuer = kubectl.read(f"tokenissuer {ISSUER}")
    verified = jwt.decode(token, published_keys(issuer), algorithms=["ES256"])
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer["spec"]["url"]},
        aud={"essential": True, "values": issuer["spec"]["audiences"]},
        exp={"essential": True},
    )
    registry.validate(verified.claims)
    expect(verified.header["typ"] == "at+jwt", "the token to be of type at+jwt")
    found(f"The signature holds; the token speaks for {verified.claims['sub']}.")


def rotate(kubectl: Kubectl) -> None:
    """Ask for another token, and see that the old one lives on for its overlap."""
    step("Another token now, because somebody asks for it.")
    before = token_of(kubectl, "builder-token")
    kubectl(f"annotate -n {NAMESPACE} rr/builder mintmaster.dev/rotate=because-i-can")
    kubectl(
        f"wait -n {NAMESPACE} rr/builder --timeout={TIMEOUT}"
        " --for=jsonpath={.status.lastRotateRequest}=because-i-can"
    )
    expect(token_of(kubectl, "builder-token") != before, "the Secret to hold another token")
    current, previous = kubectl.read(f"-n {NAMESPACE} rr/builder")["status"]["tokens"]
    found(
        f"Revision {current['revision']} is in the Secret; revision {previous['revision']}"
        f" stays active until {previous['validUntil']}."
    )


def revoke(kubectl: Kubectl) -> None:
    """Revoke the user's token for good."""
    step("The user's token is revoked: it is inactive at once, and its Secret goes.")
    kubectl(
        f"patch -n {NAMESPACE} uat/ada --type=merge"
        f" --patch {shlex.quote(json.dumps({'spec': {'revoked': True}}))}"
    )
    kubectl(f"wait --for=condition=Revoked -n {NAMESPACE} uat/ada --timeout={TIMEOUT}")
    kubectl(f"wait --for=delete -n {NAMESPACE} secret/ada-token --timeout={TIMEOUT}")


def delete(kubectl: Kubectl) -> None:
    """Delete the runner, and see its Secret go with it."""
    step("The runner is deleted: its tokens are inactive, and its Secret goes with it.")
    say("(Kubernetes collects it; in a cluster this young that can take half a minute.)")
    kubectl(f"delete -n {NAMESPACE} rr/builder")
    kubectl(f"wait --for=delete -n {NAMESPACE} secret/builder-token --timeout={COLLECTION_TIMEOUT}")
    left = kubectl.read(f"secrets -n {NAMESPACE}")["items"]
    expect(not left, "no Secret to be left")
    found(f"No Secret is left in the namespace {NAMESPACE}.")


def show_tail(log: Path, operator: Process) -> None:
    """Show the end of the operator's log, in which no token ever stands."""
    state = "still running" if operator.alive else "no longer running"
    console.print(f"\nThe operator is {state}; the end of its log:", style="yellow")
    with log.open() as lines:
        for line in deque(lines, LOG_LINES):
            console.print(line.rstrip(), style="bright_black", markup=False)


def token_of(kubectl: Kubectl, secret: str) -> str:
    """Return the token in a Secret."""
    encoded = kubectl.ask(f"get -n {NAMESPACE} secret {secret} -o jsonpath={{.data.token}}")
    return base64.b64decode(encoded).decode()


def decoded(part: str) -> Any:
    """Return the JSON of one part of a JWS (RFC 7515 section 2: base64url without padding)."""
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def published_keys(issuer: dict[str, Any]) -> KeySet:
    """Return the public keys in an issuer's status whose tokens count."""
    keys = (key for key in issuer["status"]["keys"] if key["state"] != "Withdrawn")
    return KeySet.import_key_set({"keys": [key["publicJwk"] for key in keys]})


def tell_how_to_go_on(kubectl: Kubectl, log: Path) -> None:
    """Say how to talk to what was left up, and how to end it."""
    step("Cluster and operator stay up. To talk to them:")
    suggest(f"export KUBECONFIG={shlex.quote(str(kubectl.kubeconfig))}")
    if shutil.which("kubectl") is None:
        suggest(f'export PATH={shlex.quote(str(kubectl.program.parent))}:"$PATH"')
    suggest("kubectl get mintmaster -A")
    suggest("kubectl apply --server-side -k examples/quickstart")
    suggest(f"tail -f {shlex.quote(str(log))}")
    step("To end them (without its cluster the operator ends by itself, after ten seconds):")
    suggest(f".venv/bin/mintmaster cluster down --name {CLUSTER}")


def suggest(command: str) -> None:
    """Show a command to be typed."""
    console.print(f"  {command}", style="cyan", markup=False)


def step(sentence: str) -> None:
    """Begin a step."""
    console.print(f"\n{sentence}", style="bold", markup=False)


def found(sentence: str) -> None:
    """Tell the outcome of a step."""
    console.print(sentence, style="green", markup=False)


def say(sentence: str) -> None:
    """Tell about progress."""
    console.print(sentence, style="bright_black", markup=False)


def expect(holds: bool, what: str) -> None:
    """Stop the demo unless something is as it should be."""
    if not holds:
        raise DemoFailed(f"expected {what}")


if __name__ == "__main__":
    sys.exit(main())
