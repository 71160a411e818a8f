"""Mintmaster installed on a cluster with a node: first as it was, then as it is."""

import datetime as dt
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from e2e.images import IMAGE, ROOT, TAG
from e2e.runners import HOST, apply
from manifests.installation import User

SYSTEM = "mintmaster-system"
OPERATOR = "mintmaster-operator"
GATE = "mintmaster-gate"
WAIT = "--timeout=120s"
APPLY = ("apply", "--server-side", "--warnings-as-errors")
SHIPPED = ("crds", "manifests")


@dataclass(frozen=True)
class Site:
    """The cluster, its administrator, and the certificate that gates are trusted by."""

    admin: User
    authority: bytes

    def install(self, sources: Path, folder: Path) -> None:
        """Apply CRDs and manifests of a version, in whose Deployments ours is the image; wait until all pods run."""
        folder.mkdir()
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["manifests/overlays/whole-cluster"],
            "images": [{"name": "mintmaster", "newName": IMAGE, "newTag": TAG}],
        }
        shutil.copytree(sources / "manifests", folder / "manifests")
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        self.admin.kubectl(*APPLY, "-f", str(sources / "crds"))
        self.admin.kubectl("wait", "--for=condition=Established", "crd", "--all", WAIT)
        self.admin.kubectl(*APPLY, "-k", str(folder))
        self.await_rollouts()

    def await_rollouts(self) -> None:
        """Wait until all pods of ours run, and none is left that should not."""
        for name in (OPERATOR, GATE):
            self.admin.kubectl("rollout", "status", "-n", SYSTEM, f"deployment/{name}", WAIT)
        self.admin.kubectl("wait", "--for=condition=Ready", "tokenissuer", "--all", WAIT)

    @property
    def leader(self) -> str:
        """The name of the pod that leads; empty while none does."""
        held = self.admin.read("lease", "-n", SYSTEM, OPERATOR)["spec"].get("holderIdentity") or ""
        return next((name for name in self.pods("operator") if held.startswith(name)), "")

    def pods(self, component: str) -> list[str]:
        """The names of the pods of the operator or of gates that are not about to end."""
        selector = f"app.kubernetes.io/component={component}"
        found = self.admin.read("pods", "-n", SYSTEM, "-l", selector)["items"]
        names = [it["metadata"] for it in found if "deletionTimestamp" not in it["metadata"]]
        return [it["name"] for it in names]


def prepared(admin: User) -> Site:
    """Give gates a certificate, before anything of ours is there."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}
    certificate, key = _certificate()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{GATE}-tls", "namespace": SYSTEM},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": certificate.decode(), "tls.key": key.decode()},
    }
    apply(admin, namespace, secret)
    return Site(admin, certificate)


def former(folder: Path) -> Path:
    """Unpack CRDs and manifests as they were before the commit that changed them last."""
    changed = _git("log", "-1", "--format=%H", "--", *SHIPPED).decode().strip()
    packed = _git("archive", f"{changed}~1", *SHIPPED)
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, f"the history is needed: {done.stderr.decode()}"
    return done.stdout


def _certificate() -> tuple[bytes, bytes]:
    """A certificate that signs itself, for the name of the gates' Service, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), private
