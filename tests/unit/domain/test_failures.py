"""Failures: each message that was seen in public has its cause; an unknown one is not fatal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.failures.google_errors import (
    classify_call,
    classify_credentials,
    classify_operation,
)
from geesync.errors import WORLDLY, Cause

CALLS = [
    (
        429,
        (
            "Too Many Requests: Request was rejected because the request rate or concurrency limit"
            " was exceeded."
        ),
        Cause.TRANSIENT,
    ),
    (
        429,
        (
            "Quota exceeded for quota metric 'Number of read requests' and limit 'Number of read"
            " requests per minute per user'"
        ),
        Cause.TRANSIENT,
    ),
    (
        403,
        (
            "Your usage exceeded the custom quota for"
            " 'earthengine.googleapis.com/daily_eecu_usage_time'"
        ),
        Cause.OVER_QUOTA,
    ),
    (403, "Quota exceeded for quota metric 'Number of read requests'", Cause.TRANSIENT),
    (403, "rateLimitExceeded", Cause.TRANSIENT),
    (400, "Too many concurrent aggregations.", Cause.TRANSIENT),
    (500, "Internal error.", Cause.TRANSIENT),
    (503, "The service is currently unavailable.", Cause.TRANSIENT),
    (502, "<html>Bad gateway</html>", Cause.TRANSIENT),
    (408, "", Cause.TRANSIENT),
    (400, "Earth Engine capacity exceeded.", Cause.TRANSIENT),
    (400, "Earth Engine memory capacity exceeded.", Cause.TRANSIENT),
    (None, "connection reset", Cause.TRANSIENT),
    (
        400,
        "Too many tasks already in the queue (3000). Please wait for some of them to complete.",
        Cause.QUEUE_FULL,
    ),
    (429, "Too many tasks already in the queue (3000).", Cause.QUEUE_FULL),
    (
        409,
        "A different Operation was already started with the given request_id.",
        Cause.MAYBE_STARTED,
    ),
    (
        400,
        "A different Operation was already started with the given request_id.",
        Cause.MAYBE_STARTED,
    ),
    (404, "Asset 'users/x/a' does not exist or doesn't allow this operation.", Cause.GONE),
    (404, "Requested entity was not found.", Cause.GONE),
    (410, "", Cause.GONE),
    (
        400,
        "Image.load: Image asset 'X' not found (does not exist or caller does not have access).",
        Cause.GONE,
    ),
    (401, "Request had invalid authentication credentials.", Cause.PERMISSION),
    (
        403,
        (
            "Permission 'earthengine.assets.create' denied on resource 'projects/P' (or it may not"
            " exist)."
        ),
        Cause.PERMISSION,
    ),
    (403, "Caller does not have required permission to use project P.", Cause.PERMISSION),
    (
        403,
        "Earth Engine API has not been used in project 1 before or it is disabled.",
        Cause.PERMISSION,
    ),
    (403, "Request had insufficient authentication scopes.", Cause.PERMISSION),
    (
        400,
        "Invalid JSON payload received. Unknown name \"x\" at 'y': Cannot find field.",
        Cause.BUG,
    ),
    (400, "Request payload size exceeds the limit: 10485760 bytes.", Cause.BUG),
    (418, "I'm a teapot", Cause.BUG),
]

OPERATIONS = [
    (3, "Export too large: specified 5 pixels (max: 3).", Cause.PLAN),
    (
        3,
        "Exported bands must have compatible data types; found inconsistent types: Int16 and Byte.",
        Cause.PLAN,
    ),
    (3, "Unable to export unbounded image.", Cause.PLAN),
    (8, "User memory limit exceeded.", Cause.PLAN),
    (8, "Execution failed; out of memory.", Cause.PLAN),
    (3, "Computation timed out.", Cause.PLAN),
    (1, "Cancelled.", Cause.CANCELLED),
    (
        3,
        "Image.load: Image asset 'X' not found (does not exist or caller does not have access).",
        Cause.GONE,
    ),
    (3, "Collection.loadTable: Collection asset 'X' not found.", Cause.GONE),
    (
        7,
        (
            "me does not have storage.objects.create access to the Google Cloud Storage object."
            " Permission 'storage.objects.create' denied on resource (or it may not exist)."
        ),
        Cause.PERMISSION,
    ),
    (7, "Caller does not have required permission to use project P.", Cause.PERMISSION),
    (8, "Earth Engine capacity exceeded.", Cause.TRANSIENT),
    (14, "The service is currently unavailable.", Cause.TRANSIENT),
    (
        8,
        (
            "Your usage exceeded the custom quota for"
            " 'earthengine.googleapis.com/daily_eecu_usage_time'"
        ),
        Cause.OVER_QUOTA,
    ),
    (13, "Internal error.", Cause.FAILED),
    (3, "No valid (un-masked) pixels in export region.", Cause.FAILED),
    (2, "Something that nobody has seen", Cause.FAILED),
    (None, "", Cause.FAILED),
]


@pytest.mark.parametrize(("status", "message", "cause"), CALLS)
def test_a_failed_call_has_its_cause(status: int | None, message: str, cause: Cause) -> None:
    assert classify_call(status, message) == cause


@pytest.mark.parametrize(("code", "message", "cause"), OPERATIONS)
def test_a_failed_operation_has_its_cause(code: int | None, message: str, cause: Cause) -> None:
    assert classify_operation(code, message) == cause


TOKENS = [
    ("invalid_grant: Token has been expired or revoked.", None, Cause.PERMISSION),
    ("invalid_grant: reauth related error (invalid_rapt)", None, Cause.PERMISSION),
    ("unauthorized_client: Unauthorized", None, Cause.PERMISSION),
    ("deleted_client: The OAuth client was deleted.", None, Cause.PERMISSION),
    ("disabled_client: The OAuth client was disabled.", None, Cause.PERMISSION),
    ("invalid_scope: Invalid OAuth scope or ID token audience.", None, Cause.PERMISSION),
    ("access_denied: Account restricted", None, Cause.PERMISSION),
    ("admin_policy_enforced: Access to this app is blocked", None, Cause.PERMISSION),
    ("org_internal: None", None, Cause.PERMISSION),
    ("account_disabled: The account is disabled", None, Cause.PERMISSION),
    ("Error code invalid_target: The target service", None, Cause.PERMISSION),
    ("Reauthentication is needed. Please run `gcloud auth", None, Cause.PERMISSION),
    ("Unable to acquire impersonated credentials", 403, Cause.PERMISSION),
    ("Unable to acquire impersonated credentials", 404, Cause.PERMISSION),
    ("Unable to acquire impersonated credentials", 503, Cause.TRANSIENT),
    ("Unable to acquire impersonated credentials", None, Cause.TRANSIENT),
    ("internal_failure: Backend Error", None, Cause.TRANSIENT),
    ("temporarily_unavailable", None, Cause.TRANSIENT),
    ("rate_limit_exceeded: None", None, Cause.TRANSIENT),
    ("<html>502", None, Cause.TRANSIENT),
    ("<html>ERR_ACCESS_DENIED: access_denied: invalid_grant:", None, Cause.TRANSIENT),
    ("File /var/run/token was not found.", None, Cause.TRANSIENT),
]


@pytest.mark.parametrize(("message", "status", "cause"), TOKENS)
def test_a_token_that_is_refused_has_its_cause(
    message: str, status: int | None, cause: Cause
) -> None:
    assert classify_credentials(message, status) == cause


@given(st.one_of(st.none(), st.integers(100, 599)), st.text())
def test_any_answer_of_a_call_has_a_cause(status: int | None, message: str) -> None:
    assert classify_call(status, message) in Cause


@given(st.one_of(st.none(), st.integers(-5, 50)), st.text())
def test_any_end_of_an_operation_has_a_cause(code: int | None, message: str) -> None:
    assert classify_operation(code, message) in Cause


@given(st.text())
def test_an_outage_is_never_the_assets_fault(message: str) -> None:
    assert classify_call(503, message) in WORLDLY
    assert classify_call(None, message) in WORLDLY


@given(st.text(), st.sampled_from([400, 403, 409, 429, 500]))
def test_only_a_404_says_gone_unless_the_words_do(message: str, status: int) -> None:
    if "not found" not in message.lower() and "exist" not in message.lower():
        assert classify_call(status, message) != Cause.GONE
