"""Who moves objects from a bucket to disk: geesync's download step and what one would pick instead.

All are given the same objects of the same origin, as many at a time, each in its usual way.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.measure import Contender, FailedError, run, without_start
from tests.benchmarks.origin import Blob, Origin

#: Files on their way at a time: geesync's default.
AT_A_TIME = 8


@dataclass(frozen=True)
class Work:
    """Objects to be moved, and where to. folder: emptied before each run."""

    origin: Origin
    bucket: str
    folder: Path

    @property
    def blobs(self) -> list[Blob]:
        """What is to be moved."""
        return self.origin.buckets[self.bucket]

    @property
    def place(self) -> Path:
        """Where files go."""
        return self.folder / "mirror"

    def clear(self) -> None:
        """Begin with nothing, as all others do."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.place.mkdir(parents=True)

    def arrived(self) -> None:
        """Raise FailedError unless all is there."""
        sizes = sorted(path.stat().st_size for path in self.place.rglob("*") if path.is_file())
        if sizes != sorted(blob.size_bytes for blob in self.blobs):
            raise FailedError(f"{len(sizes)} of {len(self.blobs)} objects arrived whole")


def movers(work: Work) -> list[Contender]:
    """Return everyone that is installed, geesync first."""
    return [_geesync(work), *_rclone(work), *_gcloud(work), *_transfer_manager(work), *_curl(work)]


def _geesync(work: Work) -> Contender:
    program = [sys.executable, "-m", "tests.benchmarks.staged", str(work.folder)]

    def prepare() -> None:
        work.clear()
        told = json.dumps([asdict(blob) for blob in work.blobs])
        (work.folder / "objects.json").write_text(told)
        settings = {
            "ledger": str(work.folder / "geesync.db"),
            "mirror": str(work.place),
            "bucket": work.bucket,
            "earth_engine": {"project": "benchmark", "url": work.origin.url},
            "storage": {"url": work.origin.url},
            "throttle": {"reserve": 0, "downloads": AT_A_TIME},
        }
        (work.folder / "geesync.json").write_text(json.dumps(settings))
        run([*program, "make"], log=work.folder / "log")

    return Contender("geesync", prepare, [*program, "run"], work.arrived, running=without_start)


def _rclone(work: Work) -> Iterator[Contender]:
    if shutil.which("rclone") is None:
        return
    remote = (
        f':gcs,anonymous=true,endpoint="{work.origin.url}/storage/v1/",project_number=1,'
        f"bucket_policy_only=true:{work.bucket}"
    )
    argv = ["rclone", "--config", "/dev/null", "copy", "--fast-list"]
    argv += ["--transfers", str(AT_A_TIME), remote, str(work.place)]
    yield Contender("rclone copy", work.clear, argv, work.arrived)


def _gcloud(work: Work) -> Iterator[Contender]:
    if shutil.which("gcloud") is None:
        return
    argv = ["gcloud", "storage", "cp", "--recursive", "--no-user-output-enabled"]
    argv += [f"gs://{work.bucket}/*", str(work.place)]
    environment = {
        "CLOUDSDK_CONFIG": str(work.folder / "gcloud"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{work.origin.url}/storage/v1/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": "benchmark",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
    }
    yield Contender("gcloud storage cp", work.clear, argv, work.arrived, environment)


def _transfer_manager(work: Work) -> Iterator[Contender]:
    for worker, name in (("thread", "threads"), ("process", "processes")):
        argv = [sys.executable, "-m", "tests.benchmarks.transfer_manager", worker]
        argv += [work.origin.url, work.bucket, str(work.place), str(AT_A_TIME)]
        yield Contender(f"transfer_manager, {name}", work.clear, argv, work.arrived)


def _curl(work: Work) -> Iterator[Contender]:
    if shutil.which("curl") is None:
        return
    urls = work.folder / "urls"

    def prepare() -> None:
        work.clear()
        with urls.open("w") as file:
            for blob in work.blobs:
                file.write(f'url = "{work.origin.media_url(work.bucket, blob)}"\n')
                file.write(f'output = "{work.place / blob.name}"\n')

    argv = ["curl", "--silent", "--show-error", "--fail", "--create-dirs", "--parallel"]
    argv += ["--parallel-max", str(AT_A_TIME), "--config", str(urls)]
    yield Contender("curl", prepare, argv, work.arrived)
