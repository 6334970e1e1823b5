"""The configuration: one typed tree, from a TOML file, the environment and flags, in this order.

Keys nest by ``__`` in the environment: ``GEESYNC_EARTH_ENGINE__PROJECT``. Unknown keys are errors.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, field_validator

from geesync.domain.choices.options import Options, inner_types, refusal
from geesync.domain.choices.values import AbsolutePath, matching
from geesync.errors import ConfigError
from geesync.sections import (
    DeriveConfig,
    DirectConfig,
    DriveConfig,
    EarthEngineConfig,
    HistoryConfig,
    LogConfig,
    NotifyConfig,
    ScheduleConfig,
    StorageConfig,
    ThrottleConfig,
    WebConfig,
    WorkersConfig,
)

_PREFIX = "GEESYNC_"
_NESTS = "__"
#: Names the file itself, so it is no key in it.
_FILE_VARIABLE = "GEESYNC_CONFIG"


def default_ledger() -> Path:
    """Return where the ledger is by default: systemd's state folder, else the user's data."""
    state = os.environ.get("STATE_DIRECTORY")
    base = state or os.environ.get("XDG_DATA_HOME")
    home = _home()
    if not base and home is None:
        raise ConfigError("there is no home for the ledger", hint="set `ledger`, or HOME")
    place = Path(base) if base else Path(str(home)) / ".local/share"
    return (place if state else place / "geesync") / "geesync.db"


def _home() -> Path | None:
    """Return the user's home; a container's user may have neither a name nor a home."""
    try:
        return Path.home()
    except RuntimeError:
        return None


class Config(Options):
    """Everything that can be configured; the options are the defaults of every root."""

    ledger: AbsolutePath = Field(default_factory=default_ledger, validate_default=True)
    """The SQLite file that remembers everything."""
    mirror: AbsolutePath | None = None
    """The folder below which assets are kept."""
    bucket: (
        Annotated[str, matching(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", "a bucket's name")] | None
    ) = None
    """The bucket in which Earth Engine leaves its exports."""
    allow_delete: bool = False
    """Let `geesync free` delete at Earth Engine what is proved here; see free.md."""
    acl: bool = True
    """Keep the IAM policy of each asset too; costs one request an asset."""
    earth_engine: EarthEngineConfig = EarthEngineConfig()
    storage: StorageConfig = StorageConfig()
    drive: DriveConfig = DriveConfig()
    direct: DirectConfig = DirectConfig()
    throttle: ThrottleConfig = ThrottleConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    history: HistoryConfig = HistoryConfig()
    log: LogConfig = LogConfig()
    web: WebConfig = WebConfig()
    notify: NotifyConfig = NotifyConfig()
    workers: WorkersConfig = WorkersConfig()
    derive: dict[str, DeriveConfig] = Field(default_factory=dict)
    """Jobs by name; see derive.md."""

    @field_validator("ledger")
    @classmethod
    def _itself(cls, ledger: Path) -> Path:
        """Follow links: the ledger's lock and its log lie beside the file, not beside a link."""
        return Path(os.path.realpath(ledger))

    def need(self, key: str) -> Any:
        """Return a value that a command cannot do without; raise ConfigError if it is not set."""
        value: Any = self
        for part in key.split("."):
            value = getattr(value, part)
        if value is None:
            variable = _PREFIX + key.upper().replace(".", _NESTS)
            hint = f"set it in the configuration file or as {variable}"
            raise ConfigError(f"`{key}` is not set", hint=hint)
        return value


@dataclass(frozen=True)
class Loaded:
    """A configuration, and where each value came from."""

    config: Config
    origins: Mapping[str, str]  #: dotted key → "flag", an environment variable, a file
    file: str | None = None  #: that was read

    def values(self) -> Iterator[tuple[str, Any, str]]:
        """Yield (dotted key, value as it is written, origin) for every key there is."""
        for key, value in _flatten(self.config.model_dump(mode="json", by_alias=True)):
            yield key, value, self.origins.get(key, "default")


#: What a running daemon takes over when it is told to reload.
_RELOADED = ("throttle.", "schedule.", "log.")
#: Not even then: the threads are already there.
_NOT_RELOADED = frozenset({"throttle.downloads"})


def needs_restart(old: Config, new: Config) -> list[str]:
    """Return the keys that differ and that only a restart of the daemon takes over."""
    before = dict(_flatten(old.model_dump()))
    return [
        key
        for key, value in _flatten(new.model_dump())
        if value != before[key] and (key in _NOT_RELOADED or not key.startswith(_RELOADED))
    ]


def load(*, file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Loaded:
    """Read the configuration. Raises ConfigError in one line that names the key and its origin.

    file: else ``$GEESYNC_CONFIG``, the user's, or the system's, whichever is first there.
    flags: dotted keys; those that are None were not given.
    """
    path = _find_file(file)
    given: dict[str, tuple[Any, str]] = {}
    if path:
        flat = _flatten(_read(path))
        given |= {key: (_beside(path, key, value), str(path)) for key, value in flat}
    given |= {
        name.removeprefix(_PREFIX).lower().replace(_NESTS, "."): (_listed(name, value), name)
        for name, value in os.environ.items()
        if name.startswith(_PREFIX) and name != _FILE_VARIABLE
    }
    given |= {key: (value, "flag") for key, value in (flags or {}).items() if value is not None}
    origins = {key: origin for key, (_, origin) in given.items()}
    try:
        config = Config.model_validate(_nest({key: value for key, (value, _) in given.items()}))
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None
    # Imported here: most commands only read the configuration.
    if "geoparquet" in config.tables:
        from geesync.adapters.tables import geoparquet  # noqa: PLC0415

        geoparquet.require()
    if config.workers.executor == "dask":
        from geesync.adapters.executors.executor import require_dask  # noqa: PLC0415

        require_dask()
        config.need("workers.scheduler")
    return Loaded(config, origins, str(path) if path else None)


def _beside(file: Path, key: str, value: Any) -> Any:
    """Return a value of a file; a relative path is relative to the file, whoever reads it."""
    is_relative = isinstance(value, str) and value and not value.startswith("~")
    return str(file.absolute().parent / value) if is_relative and key in _path_keys() else value


@cache
def _path_keys() -> frozenset[str]:
    return frozenset(_paths(Config))


def _paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield the dotted keys whose values are paths."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _paths(kind, f"{prefix}{name}.")
        elif Path in (kind, *inner_types(kind)):
            yield prefix + name


def _find_file(file: Path | None) -> Path | None:
    named = os.environ.get(_FILE_VARIABLE)
    if asked := file or (Path(named) if named else None):
        if asked.is_dir():
            raise ConfigError(f"{asked} is a folder: name the configuration file in it")
        if not asked.is_file():
            raise ConfigError(f"there is no configuration file {asked}")
        return asked
    home, configured = _home(), os.environ.get("XDG_CONFIG_HOME")
    own = [Path(configured)] if configured else [home / ".config"] if home else []
    places = [folder / "geesync/geesync.toml" for folder in (*own, Path("/etc"))]
    return next((place for place in places if place.is_file()), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except RecursionError:
        raise ConfigError(f"{path} is no valid TOML: it nests too deep") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


#: How a list begins, or what was meant to be one, and no pattern or host.
_LIST = re.compile(r"""\s*\[[^]]*(?:["',]|://)""")


def _listed(name: str, value: str) -> Any:
    """Return a list that is written as JSON, as the environment has none; other text as it is."""
    with suppress(ValueError, RecursionError):
        return json.loads(value) if value.lstrip().startswith("[") else value
    if _LIST.match(value):
        raise ConfigError(f"{name} is no list in JSON", hint="""write it as '["a", "b"]'""")
    return value


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        inner = tree
        for section in sections:
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"`{section}` is a section of keys, not a value")
        inner[last] = value
    return tree


#: Sections whose values are not told.
_SECRET = frozenset({"notify"})


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    key, needed, got = refusal(error)
    # What is unknown or misplaced may be a section, whose keys have the origins.
    inner = (origin for name, origin in origins.items() if name.startswith(f"{key}."))
    origin = origins.get(key) or next(inner, "the configuration")
    if not needed:
        return f"unknown key `{key}` (from {origin})"
    where = "the command line" if origin == "flag" else origin
    message = f"`{key}` (from {where}): {needed}"
    is_secret = key.partition(".")[0] in _SECRET  # addresses and commands may hold passwords
    return message if is_secret else f"{message}, got {got!r}"
