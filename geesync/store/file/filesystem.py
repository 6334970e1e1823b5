"""On what kind of file system the ledger lies, and whether SQLite can do there what it promises."""

from __future__ import annotations

import re
from pathlib import Path

#: File systems of other machines, by their names in the table of mounts. SQLite's write-ahead log
#: needs locks and shared memory (https://www.sqlite.org/wal.html), and they do not hold there. The
#: kernel's type number would not do: it is the same for all that FUSE serves, local or not.
_REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "coda", "9p", "davfs"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "vboxsf", "prl_fs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.gcsfuse", "fuse.s3fs", "fuse.goofys", "fuse.ceph"),
        *("fuse.ceph-fuse", "fuse.glusterfs", "fuse.davfs", "fuse.davfs2", "fuse.curlftpfs"),
        *("fuse.smbnetfs", "fuse.vmhgfs-fuse", "fuse.juicefs"),
    }
)

_ESCAPED = re.compile(r"\\([0-7]{3})")


def is_remote(kind: str) -> bool:
    """Whether a file system is another machine's; kind: as in the table of mounts."""
    return kind in _REMOTE


def kind_of(path: Path, *, mounts: Path = Path("/proc/self/mounts")) -> str:
    """Return the kind of file system that a path is on, e.g. ``ext4``; "" if that is not known."""
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    there = path.resolve()
    found = ("", "")
    for _, place, kind, *_ in (line.split(" ") for line in lines):
        mounted = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), place)
        if there.is_relative_to(mounted) and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    return found[1]
