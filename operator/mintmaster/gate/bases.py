"""What tokens can be minted from, kept until something that it rests on changes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from mintmaster.lifecycle.gate_minted import basis

if TYPE_CHECKING:
    from mintmaster.gate.issuer import KnownIssuer
    from mintmaster.gate.knowledge import Knowledge
    from mintmaster.lifecycle.activity import Inactivity
    from mintmaster.lifecycle.gate_minted import Grounds
    from mintmaster.lifecycle.known import KnownResource, KnownToken


class Bases:
    """Finds the record that a token can be minted from: looking through an issuer's grants takes as long as signing."""

    def __init__(self, knowledge: Knowledge, size: int) -> None:
        self._knowledge = knowledge
        self._size = size
        self._kept: OrderedDict[str, tuple[Grounds, KnownToken | Inactivity]] = OrderedDict()

    def of(self, resource: KnownResource, issuer: KnownIssuer) -> KnownToken | Inactivity:
        """The record whose rights a token of this issuer has at most, whatever the time; else why there is none."""
        grounds = self._knowledge.grounds(resource, issuer)
        kept = self._kept.get(resource.uid)
        if kept is not None and kept[0].are(grounds):
            return kept[1]
        found = basis(grounds)
        self._kept[resource.uid] = (grounds, found)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return found
