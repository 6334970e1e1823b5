"""Who we are to Google: systemd's credential, a key file, Earth Engine's own login, or the default.

The same for the product, its worker processes and the doctor. No secret is logged, stored or shown.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from geesync.errors import NotAllowedError

#: The name under which systemd's LoadCredential= hands us the key.
_SYSTEMD_CREDENTIAL = "ee-key"


def find_credentials(key_file: Path | None, *, url: str | None, project: str | None = None) -> Any:
    """Return google-auth credentials. Raises NotAllowedError, naming what to do, if there are none.

    project: that pays for what is asked in a person's name. url: of the service that is asked;
    one on loopback, the simulator, needs none. Nothing is asked of the network, but on a machine
    without any file, whose metadata server may have them.
    """
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 # slow to load

    from geesync.adapters.google import credentials_file as files  # noqa: PLC0415 # likewise

    systemd = os.environ.get("CREDENTIALS_DIRECTORY")
    if systemd and (Path(systemd) / _SYSTEMD_CREDENTIAL).exists():
        return files.CredentialsFile(Path(systemd) / _SYSTEMD_CREDENTIAL, project)
    if key_file:
        _refuse_open(key_file)
        return files.CredentialsFile(key_file, project)
    if url and urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}:
        return AnonymousCredentials()
    return files.from_login(project) or files.default(project)


def describe(credentials: Any) -> tuple[str, bool]:
    """Return whose the credentials are, and whether they may end by themselves."""
    if hasattr(credentials, "whose"):
        return credentials.whose, credentials.may_end
    email = getattr(credentials, "service_account_email", None)
    return f"service account {email}" if email else type(credentials).__name__, False


def _refuse_open(path: Path) -> None:
    """Refuse a key that others can read: those of its group may if it is root's, as a service's."""
    try:
        status = path.stat()
    except OSError as error:
        raise NotAllowedError(f"the key {path} cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(status.st_mode):
        raise NotAllowedError(f"the key {path} is a folder", hint="name the file in it")
    is_roots = status.st_uid == 0 != os.geteuid()
    if status.st_mode & (stat.S_IWGRP | stat.S_IRWXO | (0 if is_roots else stat.S_IRWXG)):
        mode = "640" if is_roots else "600"
        raise NotAllowedError(f"the key {path} can be read by others", hint=f"chmod {mode} {path}")
