"""Taking one context out of a person's kubeconfig, and no other."""

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from mintmaster.localcluster import kubeconfig
from mintmaster.localcluster.errors import BackendError

WORK = {
    "contexts": [
        {"name": "work", "context": {"cluster": "big", "user": "me", "namespace": "team"}},
        {"name": "home", "context": {"cluster": "small", "user": "root"}},
    ],
    "clusters": [
        {"name": "big", "cluster": {"server": "https://big", "certificate-authority": "ca.crt"}},
        {"name": "small", "cluster": {"server": "https://small"}},
    ],
    "users": [
        {"name": "me", "user": {"tokenFile": "/run/token"}},
        {"name": "root", "user": {"token": "of-home"}},
    ],
}


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(WORK))
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'absent'}:{path}")
    return path


def extract(name: str, folder: Path) -> dict[str, Any]:
    kubeconfig.extract(name, folder / "extracted")
    content: dict[str, Any] = yaml.safe_load((folder / "extracted").read_text())
    return content


@pytest.mark.usefixtures("user_file")
def test_the_named_context_comes_alone_with_what_belongs_to_it(tmp_path: Path) -> None:
    content = extract("work", tmp_path)

    assert content["current-context"] == "work"
    assert [entry["name"] for entry in content["contexts"]] == ["work"]
    assert content["contexts"][0]["context"]["namespace"] == "team"
    assert content["users"][0]["user"] == {"tokenFile": "/run/token"}
    assert "of-home" not in str(content)


def test_relative_paths_lead_to_the_same_files(tmp_path: Path, user_file: Path) -> None:
    cluster = extract("work", tmp_path)["clusters"][0]["cluster"]

    assert cluster["certificate-authority"] == str(user_file.parent.resolve() / "ca.crt")


@pytest.mark.usefixtures("user_file")
def test_the_copy_is_private(tmp_path: Path) -> None:
    extract("home", tmp_path)

    assert stat.S_IMODE((tmp_path / "extracted").stat().st_mode) == 0o600


def test_an_unknown_context_is_named_with_the_files_searched(
    tmp_path: Path, user_file: Path
) -> None:
    with pytest.raises(BackendError, match=f'no context "other" in .*{user_file}'):
        extract("other", tmp_path)


def test_without_kubeconfig_the_one_in_the_home_is_read(
    tmp_path: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".kube").mkdir()
    user_file.rename(tmp_path / ".kube" / "config")
    monkeypatch.delenv("KUBECONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert extract("home", tmp_path)["current-context"] == "home"
