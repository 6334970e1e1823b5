"""Whether this machine's clock is right, as the other side of the line tells the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime

from geesync.adapters.host.network import Proxies
from geesync.adapters.transfer.transport import Transport
from geesync.checks.advice import mend_network, without_password
from geesync.domain.messages.findings import Finding, fail, ok, warn

#: Where the time is asked for.
GOOGLE = "https://earthengine.googleapis.com"

#: Tokens are refused when the clock is off by minutes.
_SKEW_WARN_S, _SKEW_FAIL_S = 30, 240
_TIMEOUT_S = 10


def look_at_clock(url: str, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Yield what is wrong with the network or the clock; url: of who is asked for the time."""
    try:
        theirs = _remote_time(url)
    except OSError as error:
        reason, proxy = error.strerror or str(error), Proxies().of(url)
        way = f" through {without_password(proxy)}" if proxy else ""
        yield fail("network", f"{url} does not answer{way}: {reason}", mend_network(url, reason))
        return
    if theirs is None:
        yield warn("clock", f"{url} does not say what time it is", "timedatectl")
        return
    skew_s = abs((now() - theirs).total_seconds())
    text = f"off by {skew_s:,.0f} s"
    mend = "timedatectl set-ntp true"
    if skew_s > _SKEW_FAIL_S:
        yield fail("clock", f"{text}: Google refuses tokens", mend)
    elif skew_s > _SKEW_WARN_S:
        yield warn("clock", text, mend)
    else:
        yield ok("clock", "right")


def _remote_time(url: str) -> datetime | None:
    """Return what time it is over there, by the header that every answer has."""
    answer, _ = Transport(_TIMEOUT_S).request(url)
    with suppress(ValueError):
        return parsedate_to_datetime(answer.get("date", ""))
    return None
