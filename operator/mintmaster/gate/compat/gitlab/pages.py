"""Lists in pages, with the headers by which GitLab's clients find the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mintmaster.gate.compat.gitlab.parameters import Parameters
    from mintmaster.gate.messages import Header, IssuerRequest

T = TypeVar("T")

_PER_PAGE = 20
_MOST_PER_PAGE = 100
_LAST_PAGE = 1_000_000


class Page(NamedTuple):
    """Which part of a list is wanted."""

    number: int
    size: int

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """The items on this page."""
        first = (self.number - 1) * self.size
        return items[first : first + self.size]

    def headers(self, request: IssuerRequest, total: int) -> tuple[Header, ...]:
        """What tells where in the list this page is, and where the others are."""
        last = max(1, -(-total // self.size))
        following = self.number + 1 if self.number < last else None
        previous = self.number - 1 if 1 < self.number <= last + 1 else None
        links = {"prev": previous, "next": following, "first": 1, "last": last}
        shown: dict[str, object] = {
            "x-total": total,
            "x-total-pages": last,
            "x-per-page": self.size,
            "x-page": self.number,
            "x-next-page": following or "",
            "x-prev-page": previous or "",
            "link": ", ".join(
                f'<{_url(request, self._replace(number=page))}>; rel="{relation}"'
                for relation, page in links.items()
                if page
            ),
        }
        return tuple((name.encode(), str(value).encode()) for name, value in shown.items())


def page(found: Parameters) -> Page:
    """The page that is asked for; the first twenty items by default."""
    number, size = found.number("page") or 1, found.number("per_page") or _PER_PAGE
    return Page(min(max(number, 1), _LAST_PAGE), min(max(size, 1), _MOST_PER_PAGE))


def root_url(request: IssuerRequest) -> str:
    """Where the issuer is reached, by its own word: `Host` is the asker's."""
    return request.issuer.url.rstrip("/")


def site_url(request: IssuerRequest) -> str:
    """The host of the issuer, for links to what has no page here."""
    parts = urlsplit(request.issuer.url)
    return f"{parts.scheme}://{parts.netloc}"


_OURS = frozenset({"page", "per_page"})
_SECRET = frozenset({"private_token", "access_token"})
"""Parameters that must not come back in a link, which is kept and shown."""


def _url(request: IssuerRequest, page: Page) -> str:
    query = parse_qsl(request.query.decode("ascii", "replace"), keep_blank_values=True)
    kept = [(name, value) for name, value in query if name not in _OURS | _SECRET]
    numbered = [*kept, ("page", str(page.number)), ("per_page", str(page.size))]
    return f"{root_url(request)}{request.path}?{urlencode(numbered, errors='replace')}"
