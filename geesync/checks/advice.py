"""What a person can do about what the doctor finds, and what its findings say of a bucket."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.bucket_settings import BucketSettings
from geesync.domain.assets.names import display_id
from geesync.domain.messages.findings import Finding, fail, ok, warn
from geesync.domain.messages.words import counted
from geesync.domain.restore.files import KEPT
from geesync.errors import DOCS, Cause, RemoteError

GUIDE = f"{DOCS}/real-account.md"

_SETTINGS = "bucket settings"

#: A queue may take weeks; a lifecycle rule must not be quicker.
_LEAST_AGE_DAYS = 14


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


def mend_network(url: str, reason: str) -> str:
    """Return what mends a network that lets nothing through."""
    if "certificate" in reason:
        return "SSL_CERT_FILE=/path/to/your-network's-authority.pem, if it opens TLS"
    return f"curl -I {url}; a proxy is named by HTTPS_PROXY and NO_PROXY"


def without_password(proxy: str) -> str:
    """Return a proxy's address as it may be shown."""
    return proxy.rpartition("@")[2]


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
