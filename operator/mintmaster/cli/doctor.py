"""`mintmaster doctor`: is the installation as it should be, and if not, what to do?"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

from mintmaster.api.kinds import TOKEN_ISSUER
from mintmaster.api.reasons import State
from mintmaster.cli import findings, leader, shipped
from mintmaster.cli.findings import Finding, note, ok, problem
from mintmaster.cli.naming import TOKEN_KINDS_BY_NAME
from mintmaster.cli.objects import Objects
from mintmaster.cli.options import (
    OPERATOR_NAMESPACE,
    OperatorNamespace,
    Output,
    OutputOption,
    in_cluster,
)
from mintmaster.cli.permissions import operator_rights, own_rights
from mintmaster.cli.session import Object, Session
from mintmaster.cli.walk import issuer_steps
from mintmaster.kube.clock import MAX_SKEW
from mintmaster.kube.errors import Forbidden

_INSTALL = "mintmaster install"
_MINIMUM = (1, 32)
"""Oldest Kubernetes that serves everything that the CRDs and policies use."""
_BROKEN = (State.FAILED, State.EXPIRED)
_NAMED = 5
"""Broken resources that are named; the rest is counted."""


@in_cluster
async def doctor(
    session: Session,
    operator_namespace: OperatorNamespace = OPERATOR_NAMESPACE,
    output: OutputOption = Output.TABLE,
) -> None:
    """Look at the whole installation: CRDs, rights, clocks, leader, issuers, keys, admission policies, resources.

    Nothing is changed. The exit code is 1 where something is wrong.

    Example: mintmaster doctor
    """
    found = [await _server(session), *[it async for it in _crds(session)]]
    found.append(_clock(session))
    found += await leader.look(session, operator_namespace)
    found += await operator_rights(session, operator_namespace)
    found += await own_rights(session)
    served = [it for it in found if it.subject == "CRDs"]
    if not any(it.level is findings.Level.PROBLEM for it in served):
        found += [it async for it in _issuers(session)]
        found += [it async for it in _resources(session)]
    found += [it async for it in _policies(session)]
    findings.report(found, output)


async def _server(session: Session) -> Finding:
    version = await session.read("/version")
    text = f"Kubernetes {version['gitVersion']} at {session.client.server}"
    number = tuple(
        int("".join(filter(str.isdigit, version[part])) or 0) for part in ("major", "minor")
    )
    if number < _MINIMUM:
        least = ".".join(map(str, _MINIMUM))
        return problem("API server", text, f"Mintmaster needs Kubernetes {least} or newer.")
    return ok("API server", text)


async def _crds(session: Session) -> AsyncIterator[Finding]:
    """Whether all CRDs stand, are served, and are those of this version."""
    for body in shipped.crds():
        name = body["metadata"]["name"]
        try:
            found = await Objects(session).find(body)
            current = found is None or await _is_current(session, body, found)
        except Forbidden:
            yield note("CRDs", f"{name}: it cannot be compared with these credentials")
            continue
        if found is None:
            yield problem("CRDs", f"{name} is missing", _INSTALL)
        elif not _is_established(found):
            yield problem("CRDs", f"{name} is not served", "See the conditions of the CRD.")
        elif not current:
            yield problem("CRDs", f"{name} is of another version than this program", _INSTALL)
        else:
            yield ok("CRDs", f"{name} is that of this version")


async def _is_current(session: Session, body: Object, found: Object) -> bool:
    """Whether applying our CRD would leave its spec as it is; the API server is asked, and stores nothing."""
    path = await Objects(session).path(body)
    applied = await session.apply(path, body, force=True, dry_run=True)
    return bool(applied["metadata"]["generation"] == found["metadata"]["generation"])


def _is_established(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions", [])
    return any(it["type"] == "Established" and it["status"] == "True" for it in conditions)


def _clock(session: Session) -> Finding:
    seconds = session.skew.seconds
    if session.skew.exceeded:
        side = "ahead of" if seconds > 0 else "behind"
        text = f"this machine's is {abs(seconds):.0f} s {side} the API server's"
        limit = int(MAX_SKEW.total_seconds())
        return problem(
            "clock", text, f"Put it right: beyond {limit} s an operator here mints nothing."
        )
    return ok("clock", "this machine's agrees with the API server's")


async def _issuers(session: Session) -> AsyncIterator[Finding]:
    try:
        items = await session.find(TOKEN_ISSUER)
    except Forbidden:
        yield note("issuers", "they cannot be listed with these credentials")
        return
    if not items:
        yield problem("issuers", "there is none, so nothing can be issued", _INSTALL)
    for item in items:
        for finding in issuer_steps(item.name, item.resource):
            yield finding


async def _resources(session: Session) -> AsyncIterator[Finding]:
    """How many resources there are, and those for which something must be done."""
    for kind in TOKEN_KINDS_BY_NAME.values():
        try:
            items = await session.find(kind, everywhere=True)
        except Forbidden:
            yield note(kind.kind, "they cannot be listed in all namespaces with these credentials")
            continue
        states = Counter(it.raw.get("status", {}).get("state") or "unseen" for it in items)
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        yield ok(kind.kind, told or "none")
        broken = [it.raw["metadata"] for it in items if _state(it.raw) in _BROKEN]
        for finding in _told_broken(kind.short_name, broken):
            yield finding


def _state(body: Object) -> str:
    return str(body.get("status", {}).get("state", ""))


def _told_broken(short: str, broken: list[Object]) -> Iterator[Finding]:
    for meta in broken[:_NAMED]:
        where = f"{short}/{meta['name']} -n {meta['namespace']}"
        yield note("resource", f"{where} has no token that works", f"mintmaster status {where}")
    if len(broken) > _NAMED:
        more = len(broken) - _NAMED
        yield note(
            "resource", f"{more} more like these", "mintmaster runner|token list -A --state Failed"
        )


async def _policies(session: Session) -> AsyncIterator[Finding]:
    """Whether the shipped admission policies stand and are bound."""
    objects = Objects(session)
    wanted = [
        it for it in shipped.manifests() if it["kind"].startswith("ValidatingAdmissionPolicy")
    ]
    try:
        found = await asyncio.gather(*(objects.find(body) for body in wanted))
    except Forbidden:
        yield note("admission", "policies cannot be read with these credentials")
        return
    # A policy and its binding have one name; without either it does nothing.
    missing = {
        body["metadata"]["name"] for body, there in zip(wanted, found, strict=True) if there is None
    }
    total = len(wanted) // 2
    if missing:
        named = "" if len(missing) == total else f" ({', '.join(sorted(missing))})"
        text = (
            f"{len(missing)} of {total} policies are missing or not bound{named}: people may write"
            " what is not theirs to give"
        )
        yield problem("admission", text, _INSTALL)
    else:
        yield ok("admission", f"all {total} policies stand and are bound")
