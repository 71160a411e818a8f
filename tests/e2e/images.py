"""The images of the tests, built without a daemon: ours on a stand-in for its base, and one that holds pods together.

No image is pulled. The stand-in is Debian with Python and pip, as the usual base is.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mintmaster.localcluster.progress import Say

ROOT = Path(__file__).parents[2]

IMAGE = "docker.io/mintmaster/mintmaster"
TAG = "e2e"
PAUSE = "docker.io/mintmaster/pause:e2e"
BASE = "localhost/base:e2e"

TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
"""Whom this machine trusts: the stand-in does so, too, for the package index may be a mirror."""

PACKAGES = "python3,python3-pip,ca-certificates"

EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


class BuildFailed(Exception):
    """A command that builds an image failed; the text is what it said last."""


@dataclass(frozen=True)
class Images:
    """The files in the folder that `build` made."""

    folder: Path

    @property
    def image(self) -> Path:
        """Our image, as `docker save` writes it."""
        return self.folder / "mintmaster.tar"

    @property
    def pause(self) -> Path:
        """The image whose one process waits, so that a pod has namespaces."""
        return self.folder / "pause.tar"

    @property
    def root(self) -> Path:
        """The root file system of a container of our image; a link."""
        return self.folder / "root"

    @property
    def configuration(self) -> Path:
        """What `buildah inspect` says of our image."""
        return self.folder / "image.json"


def build(folder: Path, say: Say) -> Images:
    """Build both images into a folder."""
    images = Images(folder)
    builder = _Builder(folder)
    say("e2e: making a stand-in for the base image")
    _make_base(folder / "base.tar")
    builder.from_nothing(BASE, "add", folder / "base.tar", "/")
    say("e2e: building the image")
    builder.run(
        *("build-using-dockerfile", "--pull-never", "--build-arg", f"BASE_IMAGE={BASE}"),
        *("--build-arg", f"REVISION={_revision()}"),
        *("--isolation", "chroot", "--tag", f"{IMAGE}:{TAG}", str(ROOT)),
    )
    waiting = '["/busybox", "sleep", "infinity"]'
    builder.from_nothing(PAUSE, "copy", Path("/bin/busybox"), "/busybox", entrypoint=waiting)
    builder.save(f"{IMAGE}:{TAG}", images.image)
    builder.save(PAUSE, images.pause)
    images.configuration.write_text(builder.run("inspect", "--type=image", f"{IMAGE}:{TAG}"))
    added = images.image.stat().st_size - (folder / "base.tar").stat().st_size
    say(f"e2e: the image has {added / 1e6:.0f} MB more than the stand-in")
    container = builder.run("from", "--pull-never", f"{IMAGE}:{TAG}")
    images.root.symlink_to(builder.run("mount", container))
    return images


@dataclass(frozen=True)
class _Builder:
    """Runs buildah with a storage of its own, of plain folders, which goes with the folder that it is in."""

    folder: Path

    def run(self, *arguments: str) -> str:
        storage = ("--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run"))
        return _run("buildah", *storage, "--storage-driver", "vfs", *arguments)

    def from_nothing(
        self, name: str, verb: str, source: Path, target: str, entrypoint: str = "[]"
    ) -> None:
        """Make an image of nothing but one file, or of what an archive contains."""
        container = self.run("from", "scratch")
        self.run(verb, "--quiet", container, str(source), target)
        self.run("config", "--entrypoint", entrypoint, container)
        self.run("commit", "--quiet", "--rm", container, name)

    def save(self, name: str, archive: Path) -> None:
        self.run("push", "--quiet", name, f"docker-archive:{archive}:{name}")


def _make_base(archive: Path) -> None:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    trust = ["--customize-hook=copy-in " + f"{TRUSTED} {Path(TRUSTED).parent}"]
    options = ["--quiet", "--variant=essential", f"--include={PACKAGES}", *excluded, *trust]
    _run("mmdebstrap", *options, _release(), str(archive))


def _release() -> str:
    """The code name of the Debian that this is, whose packages apt knows where to find."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return dict(line.partition("=")[::2] for line in lines if line)["VERSION_CODENAME"]


def _revision() -> str:
    """The commit of this checkout; a copy without a history has none."""
    try:
        return _run("git", "-C", str(ROOT), "rev-parse", "HEAD")
    except BuildFailed:
        return "unknown"


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise BuildFailed(f"{' '.join(command[:8])} ...: {said}")
    return done.stdout.strip()
