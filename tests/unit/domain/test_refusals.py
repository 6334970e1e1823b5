from __future__ import annotations

import pytest

from geesync.domain.failures.shared_failures import concerns_all
from geesync.errors import Cause, RemoteError

OF_ALL = [
    "Organization policy constraints/gcp.resourceLocations forbids this.",
    "Organisation policy constraints/storage.uniformBucketLevelAccess forbids this.",
    "The billing account for the owning project is disabled in state closed",
    "Caller does not have required permission to use project demo-project.",
    "Permission 'earthengine.exports.create' denied.",
    "Quota exceeded for quota metric 'Exports' of service 'earthengine.googleapis.com'.",
    "invalid_grant: Token has been expired or revoked.",
]
OF_ONE = [
    "Cloud KMS key projects/p/locations/l/keyRings/r/cryptoKeys/k is disabled.",
    "Bucket is a requester pays bucket but no user project provided.",
    "The bucket is suspended.",
    "Unable to write to bucket demo-bucket (permission denied).",
    "ee@p.iam.gserviceaccount.com does not have storage.objects.create access.",
    "Service accounts do not have storage quota.",
    "Not enough space in Google Drive.",
    "An internal error has occurred (request: 0b1c6e0f-4a1d-4f0b).",
    "Never heard of.",
]


@pytest.mark.parametrize("words", OF_ALL)
def test_what_is_refused_to_the_account_or_project_concerns_all(words: str) -> None:
    assert concerns_all(RemoteError(Cause.PERMISSION, words))


@pytest.mark.parametrize("words", OF_ONE)
def test_what_names_a_destination_or_is_not_known_concerns_one(words: str) -> None:
    assert not concerns_all(RemoteError(Cause.FAILED, words))


@pytest.mark.parametrize("cause", [Cause.QUEUE_FULL, Cause.OVER_QUOTA])
def test_the_projects_queue_and_compute_are_everybodys(cause: Cause) -> None:
    assert concerns_all(RemoteError(cause, "enough"))
