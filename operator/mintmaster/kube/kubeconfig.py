"""Kubeconfig files: reading, merging, and picking a context (Kubernetes: kubeconfig v1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec
import yaml

from mintmaster.kube.errors import InvalidConfig
from mintmaster.kube.yaml_loader import LOADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["Cluster", "Context", "Exec", "Kubeconfig", "Origin", "User"]


class Cluster(msgspec.Struct, rename="kebab", frozen=True):
    """Where a cluster is, and how to know it."""

    server: str
    certificate_authority: str | None = None
    certificate_authority_data: bytes | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None


class EnvVar(msgspec.Struct, frozen=True):
    """A variable of an exec plugin's environment."""

    name: str
    value: str


class Exec(msgspec.Struct, rename="camel", frozen=True):
    """A command that gives credentials."""

    command: str
    api_version: str
    args: tuple[str, ...] | None = None
    env: tuple[EnvVar, ...] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


class User(msgspec.Struct, rename="kebab", frozen=True):
    """Who we are. What we cannot be (impersonation, passwords) is read in order to be refused."""

    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    client_certificate: str | None = None
    client_certificate_data: bytes | None = None
    client_key: str | None = None
    client_key_data: bytes | None = None
    exec: Exec | None = None
    username: str | None = None
    auth_provider: object = None
    impersonate: str | None = msgspec.field(default=None, name="as")

    def __repr__(self) -> str:
        return "User(...)"


class Context(msgspec.Struct, frozen=True):
    """A cluster, a user, and the namespace to work in."""

    cluster: str
    user: str = ""
    namespace: str | None = None


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: Cluster


class _NamedUser(msgspec.Struct):
    name: str
    user: User | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: Context


class _File(msgspec.Struct, rename="kebab"):
    clusters: tuple[_NamedCluster, ...] | None = None
    users: tuple[_NamedUser, ...] | None = None
    contexts: tuple[_NamedContext, ...] | None = None
    current_context: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry stands; relative paths in it start from its file's folder."""

    file: Path
    field: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}"

    def path(self, text: str) -> Path:
        """Return the path that `text` means in this file."""
        return self.file.parent / text


EntryT = TypeVar("EntryT", Cluster, User, Context)


@dataclass(frozen=True, slots=True)
class Entry(Generic[EntryT]):
    """An entry of a file, and where it stands."""

    value: EntryT
    origin: Origin


class Kubeconfig:
    """One or more files, merged: the first that has an entry of a name wins, as with kubectl."""

    def __init__(self) -> None:
        self.current_context = ""
        self._files: list[Path] = []
        self._clusters: dict[str, Entry[Cluster]] = {}
        self._users: dict[str, Entry[User]] = {}
        self._contexts: dict[str, Entry[Context]] = {}

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Kubeconfig:
        """Read and merge the files; those that do not exist are passed over, if one does."""
        present = [path for path in paths if path.exists()]
        if not present:
            raise InvalidConfig(f"no kubeconfig at {', '.join(map(str, paths))}")
        merged = cls()
        for path in present:
            merged.add(path, _parse(path))
        return merged

    def add(self, path: Path, file: _File) -> None:
        """Merge the entries of one more file."""
        self._files.append(path)
        self.current_context = self.current_context or file.current_context or ""
        for cluster in file.clusters or ():
            origin = Origin(path, f"clusters[{cluster.name}].cluster")
            self._clusters.setdefault(cluster.name, Entry(cluster.cluster, origin))
        for user in file.users or ():
            origin = Origin(path, f"users[{user.name}].user")
            self._users.setdefault(user.name, Entry(user.user or User(), origin))
        for context in file.contexts or ():
            origin = Origin(path, f"contexts[{context.name}].context")
            self._contexts.setdefault(context.name, Entry(context.context, origin))

    def context(self, name: str | None) -> Entry[Context]:
        """Return the context of that name, or the current one."""
        chosen = name or self.current_context
        if not chosen:
            raise InvalidConfig(f"{self._names()}: current-context is not set, and none was named")
        return self._one(self._contexts, "context", chosen)

    def cluster(self, name: str) -> Entry[Cluster]:
        """Return the cluster of that name."""
        return self._one(self._clusters, "cluster", name)

    def user(self, name: str) -> Entry[User]:
        """Return the user of that name; a context without one is anonymous."""
        if not name:
            return Entry(User(), Origin(self._files[0], "users"))
        return self._one(self._users, "user", name)

    def _one(self, entries: dict[str, Entry[EntryT]], what: str, name: str) -> Entry[EntryT]:
        try:
            return entries[name]
        except KeyError:
            raise InvalidConfig(
                f"{self._names()}: there is no {what} {name!r}{_known(entries)}"
            ) from None

    def _names(self) -> str:
        return ", ".join(map(str, self._files))


def _known(names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f" (there are: {listed})" if listed else ""


def _parse(path: Path) -> _File:
    """Read one file. Its text never gets into a message: tokens and keys stand in it."""
    try:
        said = yaml.load(path.read_bytes(), LOADER)  # noqa: S506 - it is one of the safe ones
        return msgspec.convert(said or {}, _File)
    except OSError as error:
        raise InvalidConfig(f"{path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise InvalidConfig(f"{path}: not valid YAML{line}") from None
    except msgspec.ValidationError as error:
        raise InvalidConfig(f"{path}: {error}") from None
