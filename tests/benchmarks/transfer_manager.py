"""``… WORKER URL BUCKET FOLDER AT_A_TIME``: google-cloud-storage's own way to fetch a bucket."""

from __future__ import annotations

import sys
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager

#: From this size on an object is worth slices; the library's own.
SLICES_FROM_BYTES = 32 * 1024 * 1024


def main(worker: str, url: str, bucket_name: str, folder: str, at_a_time: str) -> None:
    """Fetch every object of the bucket."""
    options = {"api_endpoint": url}
    client = storage.Client("benchmark", AnonymousCredentials(), client_options=options)
    bucket = client.bucket(bucket_name)
    how = {"worker_type": worker, "max_workers": int(at_a_time)}
    whole = []
    for blob in list(client.list_blobs(bucket)):
        path = Path(folder) / blob.name
        if blob.size > SLICES_FROM_BYTES:
            path.parent.mkdir(parents=True)
            transfer_manager.download_chunks_concurrently(blob, str(path), **how)
        else:
            whole.append(blob.name)
    transfer_manager.download_many_to_path(
        bucket, whole, folder, create_directories=True, raise_exception=True, **how
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
