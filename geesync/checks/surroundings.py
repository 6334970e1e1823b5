"""What the doctor finds outside: the clock, a bucket and the rights; and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from email.utils import parsedate_to_datetime

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.host.network import Proxies
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.bucket_settings import BucketSettings
from geesync.adapters.transfer.transport import Transport
from geesync.domain.assets.names import display_id
from geesync.domain.messages.findings import Finding, fail, ok, warn
from geesync.domain.messages.words import counted
from geesync.domain.restore.files import KEPT
from geesync.errors import DOCS, Cause, RemoteError

GUIDE = f"{DOCS}/real-account.md"

_SETTINGS = "bucket settings"

#: A queue may take weeks; a lifecycle rule must not be quicker.
_LEAST_AGE_DAYS = 14

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
        way = f" through {proxy.rpartition('@')[2]}" if proxy else ""  # without its password
        mend = f"curl -I {url}; a proxy is named by HTTPS_PROXY and NO_PROXY"
        if "certificate" in reason:
            mend = "SSL_CERT_FILE=/path/to/your-network's-authority.pem, if it opens TLS"
        yield fail("network", f"{url} does not answer{way}: {reason}", mend)
        return
    if theirs is None:
        yield warn("clock", f"{url} does not say what time it is", "timedatectl")
        return
    skew_s = abs((now() - theirs).total_seconds())
    text, mend = f"off by {skew_s:,.0f} s", "timedatectl set-ntp true"
    if skew_s > _SKEW_FAIL_S:
        yield fail("clock", f"{text}: Google refuses tokens", mend)
    elif skew_s > _SKEW_WARN_S:
        yield warn("clock", text, mend)
    else:
        yield ok("clock", "right")


def _remote_time(url: str) -> datetime | None:
    """Return the server's time, by the Date header of its answer."""
    answer, _ = Transport(_TIMEOUT_S).request(url)
    with suppress(ValueError):
        return parsedate_to_datetime(answer.get("date", ""))
    return None


def look_at_bucket(
    storage: Storage, bucket: str, today: date, prefixes: Collection[str]
) -> Iterator[Finding]:
    """Yield what a bucket does by itself that is too early, or costs.

    prefixes: below which objects are to lie until they are not needed any more.
    """
    try:
        settings = storage.settings(bucket)
    except RemoteError as error:
        mend = f"grant roles/storage.legacyBucketReader; {GUIDE}"
        yield warn(_SETTINGS, f"cannot be read: {error}", mend)
        return
    update = f"gcloud storage buckets update gs://{bucket}"
    for prefix in prefixes:
        days = settings.deletes_after_days(f"{prefix}/", today)
        why = "and assets point at them" if prefix == KEPT else "before a long queue is done"
        if days is not None and (prefix == KEPT or days < _LEAST_AGE_DAYS):
            text = f"objects below {prefix}/ are deleted after {counted(days, 'day')}, {why}"
            yield fail(_SETTINGS, text, f"{update} --lifecycle-file=lifecycle.json  # {GUIDE}")
    if any(prefix != KEPT for prefix in prefixes):
        yield from _kept_too_long(settings, update)


def _kept_too_long(settings: BucketSettings, update: str) -> Iterator[Finding]:
    if settings.forbids_deleting:
        text = "a retention policy, or a hold on what is uploaded, forbids deleting"
        mend = f"{update} --clear-retention-period --no-default-event-based-hold"
        yield fail(_SETTINGS, text, mend)
    if settings.keeps_deleted_s:
        kept = counted(settings.keeps_deleted_s // 86400, "day")
        text = f"deleted objects are kept, and billed, for {kept}"
        yield warn(_SETTINGS, text, f"{update} --clear-soft-delete")
    if settings.keeps_versions:
        text = "deleted objects are kept as versions, and billed"
        yield warn(_SETTINGS, text, f"{update} --no-versioning")


def judge_rights(earth_engine: EarthEngine, roots: Sequence[str]) -> Iterator[Finding]:
    """Yield whether the daemon's own identity could delete what it mirrors; it never needs to."""
    try:
        dangerous = [name for name in roots if earth_engine.may_delete(name)]
    except RemoteError as error:
        yield warn("rights", f"cannot be asked for: {error}", f"{DOCS}/free.md")
        return
    if dangerous:
        text = f"the daemon's identity may delete {', '.join(map(display_id, dangerous))}"
        yield warn("rights", text, f"give it roles/earthengine.viewer only; {DOCS}/free.md")
    elif roots:
        yield ok("rights", "the daemon's identity can delete nothing of what it mirrors")


def mend_project(error: RemoteError, project: str) -> str:
    """Return what mends that Earth Engine refuses a project."""
    if error.cause == Cause.TRANSIENT:
        return "try again later; https://status.cloud.google.com"
    if "has not been used" in str(error) or "disabled" in str(error):
        return f"gcloud services enable earthengine.googleapis.com --project={project}"
    if "not registered" in str(error):
        return f"https://code.earthengine.google.com/register?project={project}"
    return f"grant roles/earthengine.viewer and serviceUsageConsumer; {GUIDE}"


def mend_bucket(error: RemoteError, bucket: str) -> str:
    """Return what mends that a bucket cannot be used."""
    if error.cause == Cause.TRANSIENT:
        return "try again later; https://status.cloud.google.com"
    if "there is no bucket" in str(error):
        return f"gcloud storage buckets create gs://{bucket}; {GUIDE}"
    return f"grant roles/storage.objectUser on gs://{bucket}; {GUIDE}"
