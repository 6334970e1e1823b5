"""Tells people: through a command of theirs, or through Apprise's many services."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from geesync.domain.messages.notices import Notice, safe
from geesync.logger import get_logger

log = get_logger()

_TIMEOUT_S = 30.0

#: Of our environment, nothing that may hold a secret reaches the command.
_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
)


@dataclass(frozen=True)
class Messenger:
    """Sends notices; the addresses may hold passwords and are never told."""

    command: tuple[str, ...] = ()
    urls: Sequence[str] = ()

    def send(self, notice: Notice) -> bool:
        """Send by every way there is; return whether one worked."""
        ways = [self._by_command] if self.command else []
        ways += [self._by_apprise] if self.urls else []
        sent = [way(notice) for way in ways]
        log.info("notice_sent", kind=notice.kind, arrived=any(sent))
        return any(sent)

    def _by_command(self, notice: Notice) -> bool:
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        try:
            ended = subprocess.run(  # noqa: S603 # the person's own command, without a shell
                self.command,
                input=json.dumps(notice.to_json()),
                env=environment,
                text=True,
                timeout=_TIMEOUT_S,
                capture_output=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log.warning("notify_command_failed", error=f"{type(error).__name__}")
            return False
        if ended.returncode:
            log.warning("notify_command_failed", code=ended.returncode, said=safe(ended.stderr))
        return not ended.returncode

    def _by_apprise(self, notice: Notice) -> bool:
        try:
            import apprise  # noqa: PLC0415 # an extra: only who uses it has it
        except ImportError:
            log.warning("notify_needs_apprise", hint="pip install 'geesync[notify]'")
            return False
        services = apprise.Apprise()
        added = [services.add(url) for url in self.urls]
        if not all(added):
            log.warning("notify_url_unknown", number=added.index(False) + 1)
        kind = (
            apprise.NotifyType.SUCCESS if notice.kind == "complete" else apprise.NotifyType.WARNING
        )
        return bool(
            services.notify(title=safe(notice.title), body=safe(notice.text), notify_type=kind)
        )
