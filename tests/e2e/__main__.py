"""Run the tests in real pods: have what they need, build the images, and start pytest in namespaces of its own.

PYTHONPATH=tests python -m e2e [ARGUMENT OF PYTEST]...
"""

import sys
import tempfile
from pathlib import Path

from e2e import images, machine
from mintmaster.localcluster import backends, build, node_space, programs
from mintmaster.localcluster.errors import ClusterError
from mintmaster.localcluster.progress import to_stderr
from mintmaster.localcluster.spec import Backend

TEST_SECONDS = 900
"""How long a test may take, with the installation that the first one waits for, on a machine that is busy."""


def main(arguments: list[str]) -> int:
    """Return the exit code of pytest, 2 where something could not be built, 3 where this machine cannot have a node."""
    try:
        machine.prepare(to_stderr)
        backends.maker(Backend.GO).prepare(to_stderr)
        programs.kubectl(to_stderr)
        build.ensure(programs.NODE, to_stderr)
        with tempfile.TemporaryDirectory(prefix="mintmaster-e2e-") as folder:
            images.build(Path(folder), to_stderr)
            tests = ["pytest", "tests/e2e", f"--image-folder={folder}", f"--timeout={TEST_SECONDS}"]
            return node_space.run([sys.executable, "-m", *tests, *arguments])
    except machine.UnfitMachine as error:
        to_stderr(f"e2e: {error}")
        return 3
    except (ClusterError, images.BuildFailed) as error:
        to_stderr(f"e2e: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
