"""The sections of the configuration: every key, its default, and what it is for."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from geesync.domain.choices.values import (
    AbsolutePath,
    Command,
    Count,
    Duration,
    ListenAddress,
    Names,
    PerSecond,
    Seconds,
    Share,
    SizeBytes,
    TimetableText,
    Url,
    Wait,
    matching,
    one_or_more,
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EarthEngineConfig(_Section):
    """Who asks Earth Engine, and where."""

    project: (
        Annotated[str, matching(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]", "a project's id")]
        | None
    ) = None
    """The Cloud project that does the work."""
    credentials: AbsolutePath | None = None
    """A service account's key file; default is Google's own chain."""
    url: Url | None = None
    """Another service than Google's, e.g. the simulator."""
    timeout_s: Seconds = 60.0
    """How long one request may take."""


class StorageConfig(_Section):
    """Cloud Storage, where exports are staged."""

    url: Url | None = None
    """Another service than Google's, e.g. the simulator's bucket."""
    timeout_s: Seconds = 30.0
    """How long a connection may stay silent."""
    sweep: bool = True
    """Delete staged objects once their copy is proved."""


class DriveConfig(_Section):
    """A person's Google Drive, for `way = "drive"`; see drive.md."""

    url: Url | None = None
    """Another service than Google's; default is earth_engine.url, if that is set."""
    folder: str = Field("geesync", pattern=r"^[A-Za-z0-9 _-]{1,100}$")
    """The folder that Earth Engine is told; files are found wherever they are."""
    keep: bool = False
    """Leave files in Drive when their copy is proved."""


class DirectConfig(_Section):
    """Reading directly from Earth Engine: without tasks, and without a bucket."""

    url: Url | None = None
    """Another service than Google's for many small requests; default is earth_engine.url."""
    at_once: int = Field(10, ge=1, le=40)
    """Answers on their way at a time; a project may have 40, and others work in it, too."""
    requests_per_s: PerSecond = 40.0
    """Requests a second for them; halved whenever Earth Engine says "too many"."""
    timeout_s: Seconds = 330.0
    """How long an answer may take to begin; Earth Engine gives up after five minutes."""
    reread: Share = 0.05
    """Share of the tiles that is read a second time and compared, e.g. "5%", "all" or "none"."""
    proved: Share = 0.05
    """Share of the pixels that `restore --prove pixels` compares of what takes more answers."""
    most_answers: Count = 100
    """An asset of more answers goes by the bucket, where there is one: a task is as quick."""
    eecu_s_per_answer: float = Field(1.0, ge=0, le=10**6)
    """Compute of an answer, in EECU-seconds: an estimate, until Cloud Monitoring tells it."""
    monitoring_url: Url | None = None
    """Another service than Google's Cloud Monitoring; default is earth_engine.url."""


class ThrottleConfig(_Section):
    """How much geesync may take of what others use too."""

    max_operations: int = Field(100, ge=1, le=3000)
    """Our exports at Earth Engine at a time, queued or running."""
    max_queue: int = Field(2900, ge=1, le=3000)
    """Everybody's queued operations in the project, beyond which we ask for no more."""
    submit_wait: Wait = timedelta()
    """Wait between two requests for an export."""
    requests_per_s: PerSecond = 20.0
    """Requests to Earth Engine; halved whenever it says "too many"."""
    downloads: int = Field(8, ge=1, le=1024)
    """Files on their way at a time; with Dask, as many as its workers have threads."""
    bandwidth: TimetableText = "off"
    """Bytes a second for all downloads, by the clock of this machine: "08:00,2M 19:00,off"."""
    max_staged: SizeBytes = 1024**4
    """What may lie in the bucket, or be on its way there, before we ask for no more exports."""
    reserve: SizeBytes = 1024**3
    """What stays free on the mirror's file system."""
    eecu_hours_per_month: Annotated[float, Field(gt=0, le=10**9)] | None = None
    """Compute at Earth Engine in a calendar month (UTC); then no more exports until the next."""


class ScheduleConfig(_Section):
    """When the daemon looks without being woken; finished work always wakes the next step."""

    discover: Duration = timedelta(hours=6)
    """Between two scans of a root, unless it was enqueued with its own interval."""
    reconcile: Duration = timedelta(seconds=30)
    """Between two looks at running operations."""
    retry: Duration = timedelta(seconds=60)
    """Between two looks for assets whose waiting time is over."""


class HistoryConfig(_Section):
    """How much of the past the ledger remembers."""

    keep_events: int = Field(1_000_000, ge=20_000, le=10**12)
    """Newest events kept; older ones too of assets that are on their way or quarantined."""
    keep_samples: Duration = timedelta(days=3650)
    """How far back the curves reach; samples grow sparser with age."""


class LogConfig(_Section):
    """What the log looks like."""

    format: Literal["auto", "console", "json"] = "auto"
    """auto: for people on a terminal, JSON elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important event that is told."""


class LatticeConfig(_Section):
    """Pixels of a CRS: results are the part of them that covers their source."""

    crs: str
    """Its code, e.g. "EPSG:32633", or WKT."""
    transform: tuple[float, float, float, float, float, float]
    """x-scale, x-shear, x-origin, y-shear, y-scale, y-origin; as crsTransform."""


class DeriveConfig(_Section):
    """A job: a function of one's own, applied to each image of a collection; see derive.md."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    function: Annotated[str, matching(r"[\w.]+:\w+", "module:function")] | None = None
    """``module:function``: an ee.Image and its description in, an ee.Image or None out."""
    expression: AbsolutePath | None = None
    """Instead: a serialised expression, with SOURCE_IMAGE_ID for the image's id."""
    collection: str
    """Whose images it is applied to; one's own, or a public one."""
    into: str
    """The collection that gets the results, made if it is not there; or ``mirror``."""
    way: Literal["auto", "direct", "bucket", "drive"] = "auto"
    """How results come into the mirror, as for any asset."""
    begin: date | None = Field(None, alias="from")
    """The first day of the images."""
    end: date | None = Field(None, alias="to")
    """The day after their last."""
    pad_days: int = Field(0, ge=0, le=36_500)
    """So many days more before and after."""
    region: str | None = None
    """A GeoJSON file, or a table asset: images that touch it."""
    clip: str | None = None
    """Likewise: what of results lies outside is masked, e.g. the sea beyond a table of land."""
    every: Duration | None = None
    """Between two looks for images that are new, of a job that was started; no value: none."""
    name: str = "{index}"
    """The last name of a result; {index} is its source's."""
    grid: Annotated[str, matching("source(:.+)?", "source, or source:BAND,")] | LatticeConfig = (
        "source"
    )
    """``source:BAND``: results have the grid of this band of their source; or crs and transform."""
    pyramiding: Literal["MEAN", "MODE", "SAMPLE", "MIN", "MAX", "MEDIAN"] = "MEAN"
    """How pyramids are made; MODE for masks and classes."""
    keep: Names = ("system:time_start", "system:time_end")
    """Properties of the source that results get."""
    in_flight: Count = 30
    """So many exports of the job at Earth Engine at a time."""


class WebConfig(_Section):
    """The status page; read-only."""

    listen: ListenAddress = "127.0.0.1:8470"
    """Where the daemon serves it: host and port, unix:/a/path, or nothing."""
    hosts: Names = ()
    """Further names under which readers may ask for it, e.g. behind a web server."""

    @property
    def socket(self) -> bool:
        """Whether it is a Unix socket, which no browser reaches by itself."""
        return self.listen.startswith("unix:")


class NotifyConfig(_Section):
    """Who is told of what matters, without looking."""

    command: Command = ()
    """A program with its arguments; gets a notice as JSON on its standard input."""
    urls: Annotated[tuple[SecretStr, ...], BeforeValidator(one_or_more)] = ()
    """Addresses of Apprise (mail, Slack, ntfy, …); needs the extra "notify"."""
    again: Duration = timedelta(hours=24)
    """The same is told at most once in this time."""
    stuck: Duration = timedelta(hours=24)
    """Without any move for this long, while there is work, it is stuck."""
    disk_low: SizeBytes = 10 * 1024**3
    """Less free than this on a mirror's file system is told."""


class WorkersConfig(_Section):
    """Who moves and reads the bytes; see scaling.md."""

    executor: Literal["processes", "threads", "dask"] = "processes"
    """processes: beside the daemon; threads: its own, for little memory; dask: a cluster that
    shares the mirror's file system."""
    fetching: int = Field(2, ge=1, le=64)
    """Processes, or threads, that fetch, together ``throttle.downloads`` files at a time."""
    proving: int = Field(1, ge=1, le=64)
    """Processes, or threads, that read files through, each one at a time."""
    scheduler: Annotated[str, matching(r"(?:tcp|tls)://[^/\s]+:\d+", "tcp://HOST:PORT")] | None = (
        None
    )
    """The address of Dask's scheduler, e.g. "tcp://head:8786"; needs the extra "dask"."""
