"""The go.mod files that programs are built from, and what the programs are told they are."""

from mintmaster.localcluster.versions import APISERVER, ETCD, ETCD_MODULE, KUBERNETES, kubernetes


def test_go_mod_requires_the_release() -> None:
    lines = KUBERNETES.go_mod().splitlines()

    assert lines[0] == "module mintmaster.dev/localcluster/kubernetes"
    assert f"require k8s.io/kubernetes v{KUBERNETES.version}" in lines


def test_staging_modules_are_replaced_by_the_same_minor_and_patch() -> None:
    go_mod = kubernetes("1.35.7").go_mod()

    assert "replace k8s.io/apiserver => k8s.io/apiserver v0.35.7" in go_mod
    assert go_mod.count("replace ") == len(KUBERNETES.replacements)


def test_etcd_needs_no_replacement() -> None:
    assert "replace" not in ETCD_MODULE.go_mod()


def test_linker_flags_stamp_the_version() -> None:
    flags = kubernetes("1.35.7").linker_flags().split(" -X ")

    assert flags[0] == "-s -w"
    assert "k8s.io/component-base/version.gitVersion=v1.35.7" in flags
    assert "k8s.io/component-base/version.gitMajor=1" in flags
    assert "k8s.io/component-base/version.gitMinor=35" in flags


def test_another_version_is_built_into_another_folder() -> None:
    assert kubernetes("1.34.4").fingerprint() == KUBERNETES.fingerprint()
    assert kubernetes("1.34.5").fingerprint() != KUBERNETES.fingerprint()


def test_go_names_a_program_after_its_package_without_the_major_version() -> None:
    assert ETCD.package.endswith("/server/v3")
    assert ETCD.built_as == "server"
    assert APISERVER.built_as == "kube-apiserver"
