"""Objects as the API server stores them, put straight into its database: with their UIDs, whoever creates anew."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mintmaster.api.kinds import ALL_KINDS
from mintmaster.api.names import GROUP
from mintmaster.localcluster.certificates import Certificates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mintmaster.localcluster.cluster import LocalCluster

Object = dict[str, Any]

_OURS = {kind.kind: f"{GROUP}/{kind.plural}" for kind in ALL_KINDS}
_CORE = {"Namespace": "namespaces", "Secret": "secrets", "ConfigMap": "configmaps"}
FOLDERS = _OURS | _CORE
"""Where objects of each kind lie below /registry."""


def put(cluster: LocalCluster, objects: Iterable[Object]) -> None:
    """Store objects, by the JSON gateway of etcd. The API server reads JSON for kinds that it writes otherwise, too."""
    address = urlsplit(cluster.component("etcd").recipe.health).netloc
    files = Certificates(cluster.paths.pki)
    context = ssl.create_default_context(cafile=str(files.authority))
    context.load_cert_chain(files.admin.certificate, files.admin.key)
    connection = http.client.HTTPSConnection(address, context=context, timeout=30)
    try:
        for body in objects:
            _put(connection, _key(body), json.dumps(body))
    finally:
        connection.close()


def _put(connection: http.client.HTTPSConnection, key: str, value: str) -> None:
    encoded = {"key": _base64(key), "value": _base64(value)}
    connection.request("POST", "/v3/kv/put", json.dumps(encoded))
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text


def _key(body: Object) -> str:
    meta = body["metadata"]
    place = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
    return f"/registry/{FOLDERS[body['kind']]}/{place}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
