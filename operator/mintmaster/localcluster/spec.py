"""What a person can ask of a local cluster."""

import re
from dataclasses import dataclass
from enum import StrEnum

from mintmaster.localcluster.errors import ClusterError

DEFAULT_NAME = "mintmaster"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?")


class Backend(StrEnum):
    """What makes a cluster."""

    GO = "go"
    """Processes on this machine, from programs that Go builds."""
    ASSETS = "assets"
    """Processes on this machine, from the programs in the folder $KUBEBUILDER_ASSETS."""
    KIND = "kind"
    """A cluster in containers, made by the command kind."""
    CONTEXT = "context"
    """Somebody else's cluster, named by a context of the user's kubeconfig; never ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """A cluster to be had.

    `backend` None means: the context if one is named, else $KUBEBUILDER_ASSETS if set, else Go.
    The arguments are added to those of the component and replace the ones of the same name.
    A `durable` database reaches the disk before it answers. A `temporary` cluster goes down by
    itself when the process that made it ends, however that ends.
    """

    name: str = DEFAULT_NAME
    backend: Backend | None = None
    context: str | None = None
    apiserver_args: tuple[str, ...] = ()
    controller_manager_args: tuple[str, ...] = ()
    etcd_args: tuple[str, ...] = ()
    durable: bool = False
    temporary: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, with a ClusterError."""
        check_name(self.name)
        if (self.context is not None) and self.backend not in {None, Backend.CONTEXT}:
            raise ClusterError(f"a context is somebody's cluster, it excludes {self.backend}")
        if self.backend is Backend.CONTEXT and self.context is None:
            raise ClusterError("name the context whose cluster is to be used")
        for arg in (*self.apiserver_args, *self.controller_manager_args, *self.etcd_args):
            if not re.match(r"--[a-z0-9-]+(=|$)", arg):
                raise ClusterError(f'not an argument in the form --name=value: "{arg}"')

    @property
    def has_own_arguments(self) -> bool:
        """Whether it asks for something that only processes of our own can be told."""
        arguments = self.apiserver_args or self.controller_manager_args or self.etcd_args
        return bool(arguments or self.durable)


def check_name(name: str) -> None:
    """Refuse a name that does not serve as the name of a folder and of a kind cluster."""
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f'"{name}" is no name for a cluster: at most 50 lower case letters, digits and "-"'
        )
