"""Where a ledger may lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from geesync.store.file.soundness import REMOTE, kind_of


def test_the_kind_of_a_file_system_is_that_of_the_innermost_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\nnas:/x /srv/my\\040disk nfs4 rw 0 0\n/dev/b /srv/my xfs rw 0 0\n"
    )

    assert kind_of(Path("/srv/my disk/a"), mounts=mounts) == "nfs4"
    assert kind_of(Path("/srv/my/disk"), mounts=mounts) == "xfs"
    assert kind_of(Path("/srv"), mounts=mounts) == "ext4"


def test_a_link_lies_where_it_leads(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/srv/nas")
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\nnas:/x /srv/nas cifs rw 0 0\n")

    assert kind_of(link / "geesync.db", mounts=mounts) == "cifs"


def test_a_system_without_a_table_of_mounts_is_not_judged(tmp_path: Path) -> None:
    assert kind_of(tmp_path, mounts=tmp_path / "none") == ""


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"])
def test_what_another_machine_serves_is_remote(kind: str) -> None:
    assert kind in REMOTE


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk", ""])
def test_what_this_machine_holds_is_not(kind: str) -> None:
    assert kind not in REMOTE
