"""HTTP towards the issuer: over TLS or on loopback, within bounds of size and time, without following redirects."""

import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from mintmaster.verify.refusals import VerificationUnavailable

MAX_DOCUMENT_BYTES = 1024 * 1024
"""Size of the largest answer, in octets: a signed status list of a million tokens has some 100 KB."""

_MAX_AGE = re.compile(r"max-age=\"?(\d{1,9})\"?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """What was served at a URL."""

    body: bytes
    max_age: float | None
    """Seconds that it may be kept (RFC 9111, section 5.2.2); None where the server does not say."""


class Fetcher:
    """Asks the issuer. To be opened with `async with`, in the event loop that uses it."""

    def __init__(self, authority: Path | None, timeout: timedelta) -> None:
        """Trust the CAs of this PEM file, or those of the system; OSError where it cannot be read."""
        self._tls = ssl.create_default_context(cafile=authority)
        self._timeout = aiohttp.ClientTimeout(total=timeout.total_seconds())
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Be ready to ask."""
        self._session = aiohttp.ClientSession(timeout=self._timeout)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, url: str, media_type: str) -> Document:
        """Fetch a document; VerificationUnavailable, which says why, where it is not to be had."""
        async with self._answer("GET", url, {"Accept": media_type}) as answer:
            return Document(await _body(answer), _max_age(answer.headers))

    async def post(self, url: str, form: Mapping[str, str], authorization: str) -> bytes:
        """Send a form, which is not written to any log or exception; see `get`."""
        headers = {"Accept": "application/json", "Authorization": authorization}
        async with self._answer("POST", url, headers, form) as answer:
            return await _body(answer)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("a Verifier is to be used within `async with`")
        try:
            async with self._session.request(
                method, url, headers=headers, data=form, allow_redirects=False, ssl=self._tls
            ) as answer:
                _check(answer, url)
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise VerificationUnavailable(f"{url}: {_why(error)}") from None


def check_url(url: str) -> str:
    """Return the URL; ValueError unless it is https without userinfo, query and fragment, or http on loopback."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"not a URL of https: {url!r}")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(f"plain http is for loopback only; use https: {url!r}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"a URL here has no user, query or fragment: {url!r}")
    return url


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL (RFC 6454, section 4)."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or default


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(answer: aiohttp.ClientResponse, url: str) -> None:
    if answer.status == 200:
        return
    retry = answer.headers.get("Retry-After", "")
    after = float(retry) if retry.isdecimal() and len(retry) < 5 else 5.0
    raise VerificationUnavailable(f"{url}: answered {answer.status}", after)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise VerificationUnavailable(f"{answer.url}: more than {MAX_DOCUMENT_BYTES} octets")
    return bytes(body)


def _max_age(headers: Mapping[str, str]) -> float | None:
    control = headers.get("Cache-Control", "")
    if "no-store" in control.lower() or "no-cache" in control.lower():
        return 0.0
    said = _MAX_AGE.search(control)
    if said is None:
        return None
    age = headers.get("Age", "0")
    return max(0.0, float(said[1]) - (float(age) if age.isdecimal() else 0.0))


def _why(error: Exception) -> str:
    """What went wrong, by its kind: texts of exceptions could quote what was sent."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientSSLError):
        return "the certificate is not trusted, or TLS failed otherwise"
    return f"not reachable ({type(error).__name__})"
