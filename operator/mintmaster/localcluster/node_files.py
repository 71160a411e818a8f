"""The configuration files of a node: of containerd, its network, the kubelet and the proxy of Services."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from mintmaster.localcluster import kubeconfig
from mintmaster.localcluster.certificates import NODE_NAME, Certificates, KeyPair

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS: Final = "10.250.0.1"
"""The node's address, where pods find the API server behind the Service `kubernetes`."""

POD_NETWORK: Final = "10.244.0.0/24"
"""Addresses of pods; of no consequence outside of the node's own network namespace."""

RUNTIME_SOCKET: Final = "/run/containerd/containerd.sock"

RUNTIME_PORT: Final = 1338
KUBELET_PORT: Final = 10250
SCHEDULER_PORT: Final = 10259
PROXY_PORT: Final = 10256

PLUGINS: Final = "/usr/lib/cni"
"""Where Debian's containernetworking-plugins are."""

_CONTAINERD = """\
version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
address = "{socket}"
[metrics]
address = "127.0.0.1:{port}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
# Without CAP_SYS_RESOURCE nobody may lower an oom_score_adj, and no sandbox would start.
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "{snapshotter}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{plugins}"
conf_dir = "{folder}/network"
"""


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The files of a node, all below `folder`; `certificates` are those of its cluster."""

    folder: "Path"
    certificates: Certificates

    @property
    def containerd(self) -> "Path":
        """The settings of containerd."""
        return self.folder / "containerd.toml"

    @property
    def kubelet(self) -> "Path":
        """The settings of the kubelet."""
        return self.folder / "kubelet.yaml"

    @property
    def kube_proxy(self) -> "Path":
        """The settings of the proxy of Services."""
        return self.folder / "kube-proxy.yaml"

    def kubeconfig(self, who: KeyPair) -> "Path":
        """How this one talks to the API server."""
        return self.folder / f"{who.key.stem}.kubeconfig"

    def write(self, server: str, pause: str, cgroup: str, snapshotter: str) -> None:
        """Write all of them: for this API server, sandbox image, cgroup and way to stack layers."""
        (self.folder / "network").mkdir(parents=True, exist_ok=True)
        pki = self.certificates
        for who in (pki.scheduler, pki.kubelet, pki.kube_proxy):
            kubeconfig.write(self.kubeconfig(who), NODE_NAME, server, pki.authority, who)
        self.containerd.write_text(
            _CONTAINERD.format(
                folder=self.folder,
                socket=RUNTIME_SOCKET,
                port=RUNTIME_PORT,
                pause=pause,
                snapshotter=snapshotter,
                plugins=PLUGINS,
            )
        )
        (self.folder / "network" / "10-pods.conflist").write_text(json.dumps(_network()))
        self.kubelet.write_text(yaml.safe_dump(self._kubelet(cgroup)))
        self.kube_proxy.write_text(yaml.safe_dump(self._kube_proxy()))

    def _kubelet(self, cgroup: str) -> dict[str, object]:
        """https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/"""
        serving = self.certificates.serving
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.certificates.authority)},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroup,
            "failCgroupV1": False,
            "failSwapOn": False,
            "oomScoreAdj": 0,
            "containerRuntimeEndpoint": f"unix://{RUNTIME_SOCKET}",
            # A changed Secret is in the file after a second or two, not after a minute or two.
            "configMapAndSecretChangeDetectionStrategy": "Watch",
            "syncFrequency": "2s",
            # It must be said and positive; the disk is shared with everything else here.
            "evictionHard": {
                "memory.available": "50Mi",
                "nodefs.available": "1%",
                "nodefs.inodesFree": "1%",
                "imagefs.available": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "port": KUBELET_PORT,
            "resolvConf": "",
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "volumePluginDir": str(self.folder / "volume-plugins"),
        }

    def _kube_proxy(self) -> dict[str, object]:
        """https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/"""
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": POD_NETWORK,
            "hostnameOverride": NODE_NAME,
            "clientConnection": {"kubeconfig": str(self.kubeconfig(self.certificates.kube_proxy))},
            "healthzBindAddress": f"127.0.0.1:{PROXY_PORT}",
            "metricsBindAddress": "127.0.0.1:10249",
            "oomScoreAdj": 0,
            # These limits belong to the machine, not to a network namespace.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }


def _network() -> dict[str, object]:
    """Point to point, not a bridge: answers of Services then pass netfilter without br_netfilter."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": POD_NETWORK}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipMasq": False, "ipam": addresses}],
    }
