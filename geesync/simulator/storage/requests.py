"""What a request to Cloud Storage asks about an object, and when it must be refused.

Both ways in are understood: the JSON API (``/storage/v1/b/B/o/O``) and the XML API
(``/B/O``). Uploads by the JSON API that name their object in the body only are not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlencode

PAGE_LIMIT = 1000  #: objects in one page of a listing, at most
JSON_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
JSON_LISTING = re.compile(r"/storage/v1/b/[^/]+/o")
JSON_UPLOAD = re.compile(r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o")
XML_OBJECT = re.compile(r"/(?!storage/v1/|download/|upload/|batch/|b/|_internal/)([^/]+)/(.+)")


@dataclass(frozen=True)
class ObjectRequest:
    """A request about one object."""

    bucket: str
    name: str  #: decoded
    method: str  #: HTTP method
    is_xml: bool
    generation: int | None = None  #: only this generation is meant
    if_match: int | None = None  #: proceed only if this is the current generation; 0 = none is
    if_not_match: int | None = None  #: proceed only if this is not the current generation

    @property
    def url(self) -> str:
        """The object as ``gs://bucket/name``."""
        return f"gs://{self.bucket}/{self.name}"

    @property
    def metadata_path(self) -> str:
        """Where the JSON API keeps what is known about the object."""
        return f"/storage/v1/b/{quote(self.bucket, safe='')}/o/{quote(self.name, safe='')}"

    @property
    def may_change(self) -> bool:
        """Whether the current generation must be known before the request may pass."""
        return self.method == "DELETE" or (self._conditional and not self._reads)

    @property
    def may_be_stale(self) -> bool:
        """Whether the answer may be of another generation than the one that is meant."""
        return self._conditional and self._reads

    @property
    def _conditional(self) -> bool:
        conditions = (self.generation, self.if_match, self.if_not_match)
        return any(value is not None for value in conditions)

    @property
    def _reads(self) -> bool:
        return self.method in ("GET", "HEAD")

    def refusal(self, current: int | None) -> int | None:
        """Return the HTTP status of the refusal, None if the request may pass.

        current: the object's generation now; None if there is no such object.
        """
        if current is None:
            return None if not self.if_match else 404 if self.method == "GET" else 412
        if self.generation not in (None, current):
            return 404
        if self.if_match not in (None, current):
            return 412
        if self.if_not_match == current:
            return 304 if self._reads else 412
        return None


def object_request(
    method: str, path: str, query: str, headers: Mapping[str, str]
) -> ObjectRequest | None:
    """Return what a request asks about one object; None if it is about something else.

    path: still percent-encoded; headers: names in lower case.
    """
    asked = {key: values[0] for key, values in parse_qs(query).items()}
    upload = JSON_UPLOAD.fullmatch(path) if "name" in asked else None
    if found := JSON_OBJECT.fullmatch(path) or upload:
        conditions = (asked.get("ifGenerationMatch"), asked.get("ifGenerationNotMatch"))
    elif found := XML_OBJECT.fullmatch(path):
        conditions = (
            headers.get("x-goog-if-generation-match"),
            headers.get("x-goog-if-generation-not-match"),
        )
    else:
        return None
    names = (found[1], asked["name"]) if found.re is JSON_UPLOAD else found.groups()
    bucket, name = map(unquote, names)
    return ObjectRequest(
        bucket=bucket,
        name=name,
        method=method,
        is_xml=found.re is XML_OBJECT,
        generation=_number(asked.get("generation")),
        if_match=_number(conditions[0]),
        if_not_match=_number(conditions[1]),
    )


def is_upload(path: str) -> bool:
    """Whether a path is that of uploads by the JSON API."""
    return JSON_UPLOAD.fullmatch(path) is not None


def asks_how_far(headers: Mapping[str, str]) -> bool:
    """Whether a piece of an upload is none, but asks which bytes have come.

    https://cloud.google.com/storage/docs/performing-resumable-uploads#status-check
    """
    told = headers.get("content-range", "")
    return told.startswith("bytes */") and told != "bytes */0"


def within_page_limit(method: str, path: str, query: str) -> str:
    """Return the query of a listing with no more objects a page than the service gives."""
    if method != "GET" or not JSON_LISTING.fullmatch(path):
        return query
    asked = parse_qs(query, keep_blank_values=True)
    wanted = _number(asked.get("maxResults", [""])[0]) or PAGE_LIMIT
    return urlencode({**asked, "maxResults": [min(wanted, PAGE_LIMIT)]}, doseq=True)


def refusal_body(request: ObjectRequest, status: int) -> tuple[str, bytes]:
    """Return (content type, body) of a refusal as the API that was used words it."""
    if status == 304:  # noqa: PLR2004 - Not Modified has no body
        return "text/plain", b""
    code, reason, message = {
        404: ("NoSuchKey", "notFound", f"No such object: {request.bucket}/{request.name}"),
        412: (
            "PreconditionFailed",
            "conditionNotMet",
            "At least one of the pre-conditions you specified did not hold.",
        ),
    }[status]
    if request.is_xml:
        xml = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>"
        return "application/xml; charset=UTF-8", f"{xml}{message}</Message></Error>".encode()
    detail = {"message": message, "domain": "global", "reason": reason}
    error = {"code": status, "message": message, "errors": [detail]}
    return "application/json; charset=UTF-8", json.dumps({"error": error}).encode()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
