"""The foreign APIs that a gate answers, where an issuer's `spec.compatibleApis` names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mintmaster.gate.compat import gitlab, projectw, reana, runai

if TYPE_CHECKING:
    from mintmaster.gate.compat.foundation import Foundation
    from mintmaster.gate.routes import ForeignApi


def foreign_apis(foundation: Foundation) -> tuple[ForeignApi, ...]:
    """All of them; their paths do not overlap."""
    return (
        gitlab.api(foundation),
        projectw.api(foundation),
        reana.api(foundation),
        *runai.apis(foundation),
    )
