"""Which versions of Kubernetes and etcd the control plane is built from, as Go modules."""

import hashlib
import platform
import re
from dataclasses import dataclass

KUBERNETES_VERSION = "1.34.4"
"""The release of kube-apiserver, kube-controller-manager and kubectl."""

ETCD_VERSION = "3.6.16"
"""The release of etcd; Kubernetes 1.34 is tested with etcd 3.6."""

MINIMUM_GO = (1, 26)
"""What the `go` line of etcd's go.mod asks for; Kubernetes 1.34 is content with 1.24."""

STAGING_MODULES = (
    "api",
    "apiextensions-apiserver",
    "apimachinery",
    "apiserver",
    "cli-runtime",
    "client-go",
    "cloud-provider",
    "cluster-bootstrap",
    "code-generator",
    "component-base",
    "component-helpers",
    "controller-manager",
    "cri-api",
    "cri-client",
    "csi-translation-lib",
    "dynamic-resource-allocation",
    "endpointslice",
    "externaljwt",
    "kms",
    "kube-aggregator",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "metrics",
    "mount-utils",
    "pod-security-admission",
    "sample-apiserver",
    "sample-cli-plugin",
    "sample-controller",
)
"""The `k8s.io` modules that k8s.io/kubernetes takes from its own tree, unversioned.

Who depends on k8s.io/kubernetes has to name their published versions: release 1.N.P is v0.N.P.
"""


@dataclass(frozen=True, slots=True)
class GoModule:
    """A Go module that programs are built from, by way of a go.mod of our own.

    `name` names the folder of the cache, `language` is the `go` line, which also picks the
    defaults of GODEBUG, `tags` are build constraints that hold.
    """

    name: str
    path: str
    version: str
    language: str
    replacements: tuple[tuple[str, str], ...] = ()
    stamps: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()

    def go_mod(self) -> str:
        """Render the go.mod; the Go tool completes it with the indirect requirements."""
        lines = [
            f"module mintmaster.dev/localcluster/{self.name}",
            f"go {self.language}",
            f"require {self.path} v{self.version}",
            *(f"replace {path} => {path} v{version}" for path, version in self.replacements),
        ]
        return "\n\n".join(lines) + "\n"

    def linker_flags(self) -> str:
        """Strip the programs, and tell them which version they are."""
        return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in self.stamps)])

    def fingerprint(self) -> str:
        """Name this build: the same text means that the programs can be used again."""
        content = "\n".join([self.go_mod(), self.linker_flags(), platform.machine(), *self.tags])
        return f"{self.name}-v{self.version}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can be built: its name, its module, and the main package in there.

    `minutes` is what the first build takes on two cores, beside the others of its module.
    """

    name: str
    module: GoModule
    package: str
    minutes: int

    @property
    def built_as(self) -> str:
        """The name that `go build` gives it: the last element that is not a major version."""
        return re.sub(r"/v\d+$", "", self.package).rsplit("/", 1)[-1]


def kubernetes(version: str = KUBERNETES_VERSION) -> GoModule:
    """Give the module of a Kubernetes release."""
    major, minor, patch = version.split(".")
    stamp = "k8s.io/component-base/version"
    return GoModule(
        name="kubernetes",
        path="k8s.io/kubernetes",
        version=version,
        language="1.24.0",
        replacements=tuple((f"k8s.io/{name}", f"0.{minor}.{patch}") for name in STAGING_MODULES),
        # Unstamped, the server calls itself v0.0.0 and clients doubt that they suit it.
        stamps=(
            (f"{stamp}.gitVersion", f"v{version}"),
            (f"{stamp}.gitMajor", major),
            (f"{stamp}.gitMinor", minor),
            (f"{stamp}.gitTreeState", "clean"),
        ),
    )


KUBERNETES = kubernetes()
ETCD_MODULE = GoModule(
    name="etcd",
    path="go.etcd.io/etcd/server/v3",
    version=ETCD_VERSION,
    language="1.26.0",
)

ETCD = Program("etcd", ETCD_MODULE, "go.etcd.io/etcd/server/v3", minutes=1)
APISERVER = Program("kube-apiserver", KUBERNETES, "k8s.io/kubernetes/cmd/kube-apiserver", minutes=5)
CONTROLLER_MANAGER = Program(
    "kube-controller-manager",
    KUBERNETES,
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    minutes=1,
)
KUBECTL = Program("kubectl", KUBERNETES, "k8s.io/kubernetes/cmd/kubectl", minutes=1)
KUBELET = Program("kubelet", KUBERNETES, "k8s.io/kubernetes/cmd/kubelet", minutes=1)
SCHEDULER = Program("kube-scheduler", KUBERNETES, "k8s.io/kubernetes/cmd/kube-scheduler", minutes=1)
KUBE_PROXY = Program("kube-proxy", KUBERNETES, "k8s.io/kubernetes/cmd/kube-proxy", minutes=1)
