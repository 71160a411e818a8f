"""Certificates and keys of a control plane, made anew for each cluster.

One authority signs all of them. It is trusted by nothing but this cluster and its database.
"""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VALIDITY = dt.timedelta(days=365)
"""How long certificates hold; a local cluster that gets older is to be made again."""

BACKDATING = dt.timedelta(minutes=5)
"""How far back validity starts, for clocks that are set back."""

SERVED_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
"""DNS names of the serving certificate, as pods of a cluster would use them."""

SERVED_ADDRESSES = ("127.0.0.1", "10.96.0.1")
"""Addresses of the serving certificate: loopback, and what pods know as KUBERNETES_SERVICE_HOST."""

NODE_NAME = "mintmaster-node"
"""The name of the one node, should there be one."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of a certificate and of its private key."""

    certificate: "Path"
    key: "Path"


@dataclass(frozen=True, slots=True)
class Certificates:
    """The files that `issue` writes into one folder."""

    folder: "Path"

    @property
    def authority(self) -> "Path":
        """The certificate of the authority; its private key is thrown away."""
        return self.folder / "ca.crt"

    @property
    def serving(self) -> KeyPair:
        """What every component serves with; etcd is also its own client."""
        return self.pair("serving")

    @property
    def admin(self) -> KeyPair:
        """An administrator: the group system:masters."""
        return self.pair("admin")

    @property
    def controller_manager(self) -> KeyPair:
        """The controller manager, whose rights Kubernetes ships as RBAC rules."""
        return self.pair("controller-manager")

    @property
    def scheduler(self) -> KeyPair:
        """The scheduler, whose rights Kubernetes ships as RBAC rules."""
        return self.pair("scheduler")

    @property
    def kubelet(self) -> KeyPair:
        """The node NODE_NAME; the authorization mode Node says what it may do."""
        return self.pair("kubelet")

    @property
    def kube_proxy(self) -> KeyPair:
        """The proxy of Services, whose rights Kubernetes ships as RBAC rules."""
        return self.pair("kube-proxy")

    @property
    def service_accounts(self) -> KeyPair:
        """The key that signs tokens of service accounts; `certificate` is its public half."""
        return KeyPair(self.folder / "service-accounts.pub", self.folder / "service-accounts.key")

    def pair(self, name: str) -> KeyPair:
        """Give the files of the certificate called `name`."""
        return KeyPair(self.folder / f"{name}.crt", self.folder / f"{name}.key")


def issue(folder: "Path") -> Certificates:
    """Make an authority and what it signs; the folder becomes private to this user."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = Certificates(folder)
    authority = _Authority.make()
    _write(files.authority, _pem(authority.certificate))
    authority.sign(files.serving, "kube-apiserver", names=_served())
    authority.sign(files.admin, "mintmaster-admin", group="system:masters")
    authority.sign(files.controller_manager, "system:kube-controller-manager")
    authority.sign(files.scheduler, "system:kube-scheduler")
    authority.sign(files.kubelet, f"system:node:{NODE_NAME}", group="system:nodes")
    authority.sign(files.kube_proxy, "system:kube-proxy")
    _write_service_account_key(files.service_accounts)
    return files


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls) -> "_Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = _subject("mintmaster-local-cluster")
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_key_usage(signs_certificates=True), True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def sign(
        self,
        files: KeyPair,
        common_name: str,
        group: str = "",
        names: "Sequence[x509.GeneralName]" = (),
    ) -> None:
        """Write a key and its certificate, for a client and, with names, for a server too."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(common_name, group)
        builder = _builder(subject, self.certificate.subject, key.public_key())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if names:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(_key_usage(signs_certificates=False), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        _write(files.certificate, _pem(builder.sign(self.key, hashes.SHA256())))
        _write(files.key, _private_pem(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    start = dt.datetime.now(dt.UTC) - BACKDATING
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
    )


def _subject(common_name: str, group: str = "") -> x509.Name:
    """Name a user as Kubernetes reads it: the common name is the user, organizations are groups."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if group:
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(names)


def _served() -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in SERVED_NAMES]
    return [*names, *(x509.IPAddress(ipaddress.ip_address(it)) for it in SERVED_ADDRESSES)]


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_service_account_key(files: KeyPair) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(files.key, _private_pem(key))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write(files.certificate, public)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: "Path", content: bytes) -> None:
    """Write a file that nobody else may read, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
