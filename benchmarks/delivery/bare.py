"""The yardstick: a bare loop, in a process of its own, that creates what stands in a file, and writes its status.

`python -m benchmarks.delivery.bare KUBECONFIG PATH FILE [STATUS]`: a body on each line of FILE is created in the
collection PATH; then the status in the file STATUS, if one is named, is merged into each.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec

from benchmarks.api import MERGE_PATCH, Object, opened
from benchmarks.bare import each


async def run(kubeconfig: str, path: str, bodies: list[bytes], status: bytes | None) -> None:
    """Do the writes."""
    async with opened(kubeconfig) as api:

        async def write(body: bytes) -> None:
            answer = await api.request("POST", path, body)
            if status is not None:
                name = msgspec.json.decode(answer, type=Object).metadata.name
                await api.request("PATCH", f"{path}/{name}/status", status, MERGE_PATCH)

        await each(bodies, write)


def main() -> None:
    """Run as a process."""
    kubeconfig, path, file, *status = sys.argv[1:]
    bodies = Path(file).read_bytes().splitlines()
    patch = Path(status[0]).read_bytes() if status else None
    asyncio.run(run(kubeconfig, path, bodies, patch))


if __name__ == "__main__":
    main()
