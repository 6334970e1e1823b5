"""What people may choose for a root, and which assets their filters leave out.

Each option is also a key of the configuration, which is its default; a root keeps only what was
chosen for it. Filters speak of what is below the root: the root itself was named by a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from geesync.domain.choices import HIGHEST_PRIORITY, LOWEST_PRIORITY
from geesync.domain.choices.values import COMMA_SEPARATED, Names
from geesync.errors import UserError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec
    from pydantic_core import ErrorDetails

    from geesync.domain.assets.asset import SourceAsset
    from geesync.domain.json import Json


#: By the first word of pydantic's name for the error:
#: https://docs.pydantic.dev/latest/errors/validation_errors/
_NEEDED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list",
    "list": "a list",
    "dict": "a section of keys",
    "model": "a section of keys",
    "path": "a path",
    "date": "a date, such as 2024-12-31,",
    "datetime": "a date, such as 2024-12-31,",
    "time": "a time, such as 90s, 5m, 6h or 1d,",
    "too": "at least one",
    "missing": "a value",
}

_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def refusal(error: ValidationError) -> tuple[str, str, Any]:
    """Return the dotted name of the first value that is refused, what is needed, and what it is.

    What is needed is in words, and "" if nothing has this name.
    """
    first = error.errors()[0]
    name = ".".join(part for part in first["loc"] if isinstance(part, str))
    needed = "" if first["type"] == "extra_forbidden" else _needed(first)
    return name, needed, first.get("input")


def _needed(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":  # one of ours
        return str(context["error"])
    if kind in _BOUNDS:
        return f"{_BOUNDS[kind].format(**context)} is needed"
    needed = _NEEDED.get(kind.partition("_")[0])
    return f"{needed} is needed" if needed else error["msg"].lower()


def values_of(option: str) -> list[str]:
    """Return the words that an option may have, if only some may be."""
    field = Options.model_fields[option]
    return [value for value in inner_types(field.annotation) if isinstance(value, str)]


def inner_types(kind: object) -> Iterator[object]:
    """Yield what a type is made of, e.g. both sides of a union, and the words of a Literal."""
    for inner in get_args(kind):
        yield inner
        yield from inner_types(inner)


def _instant(value: Any) -> Any:
    """Read a date as its first moment in UTC, and a time without a zone as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("a date is needed, such as 2024-12-31") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    # Imported here: most commands read the configuration, and few look at a pattern.
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    return GitIgnoreSpec.from_lines(patterns)


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Instant = Annotated[datetime, BeforeValidator(_instant)]
TableFormat = Literal["csv", "geojson", "geoparquet"]
#: https://developers.google.com/earth-engine/reference/rest/v1/projects.assets#Type
AssetType = Annotated[
    Literal["IMAGE", "IMAGE_COLLECTION", "TABLE", "FOLDER", "CLASSIFIER", "FEATURE_VIEW"],
    BeforeValidator(_upper),
]


class Options(BaseModel):
    """The options of a root, or their defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    include: Names = ()
    """Only assets that match one of these patterns, as in .gitignore; none means all."""
    exclude: Names = ()
    """No asset that matches one of these patterns, nor what lies below it."""
    types: Annotated[tuple[AssetType, ...], COMMA_SEPARATED] = ()
    """Only assets of these types, e.g. IMAGE, TABLE; none means all."""
    newer_than: Instant | None = None
    """Only assets of this date or later: their own (startTime), else that of their last change."""
    older_than: Instant | None = None
    """Only assets from before this date."""
    way: Literal["auto", "direct", "bucket", "drive"] = "auto"
    """How bytes come home: read directly, by export tasks through the bucket, or as is better;
    drive: by tasks through the Google Drive of a person's own login."""
    compress: Literal["deflate", "zstd"] = "deflate"
    """How the GeoTIFFs are compressed that geesync writes: zstd is faster, and not read by all."""
    masks: Literal["nodata", "separate", "none"] = "nodata"
    """How masks are kept: as a value that is no data, in files of their own, or not at all."""
    tables: Annotated[tuple[TableFormat, ...], COMMA_SEPARATED, Field(min_length=1)] = (
        "csv",
        "geojson",
    )
    """The formats in which tables are kept."""
    mosaic: Literal["none", "cog"] = "none"
    """What is made of an image in several tiles: nothing more, or one cloud-optimised GeoTIFF."""
    keep_versions: int = Field(1, ge=0, le=10**9)
    """Older copies of a changed asset that are kept beside the current one."""
    priority: int = Field(0, ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY)
    """Assets of a higher priority are taken first."""

    @field_validator("include", "exclude")
    @classmethod
    def _patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        _spec(patterns)  # its error is a ValueError and names the pattern
        return patterns

    def over(self, given: Mapping[str, Any]) -> Options:
        """Return these options with what a root chose in place of them.

        Raises UserError in one line for an unknown option or an impossible value.
        """
        own = {name: getattr(self, name) for name in Options.model_fields}
        try:
            return Options.model_validate(own | dict(given))
        except ValidationError as error:
            name, needed, got = refusal(error)
            message = needed or "unknown option"
            raise UserError(f"option `{name}`: {message}, got {got!r}") from None

    def chosen(self, given: Mapping[str, Any]) -> Json:
        """Return the JSON of what was given, checked; raises UserError as ``over`` does."""
        return self.over(given).model_dump(mode="json", include=set(given))

    def leaves_out(self, source: SourceAsset, root: str) -> str:
        """Return why the filters leave an asset out, or "" if they do not.

        Containers pass all but ``exclude``: what is wanted may lie in them.
        """
        below = source.name.removeprefix(root).strip("/")
        if not below:
            return ""
        if self.exclude and self._exclude.match_file(below + "/" * source.is_container):
            return "excluded by a pattern"
        if source.is_container:
            return ""
        if self.include and not self._include.match_file(below):
            return "not included by a pattern"
        if self.types and source.type not in self.types:
            return f"of type {source.type}"
        return self._too_old_or_new(source.date)

    def _too_old_or_new(self, dated: datetime | None) -> str:
        if dated is None:
            return ""
        if self.newer_than and dated < self.newer_than:
            return f"of {dated:%Y-%m-%d}, before {self.newer_than:%Y-%m-%d}"
        if self.older_than and dated >= self.older_than:
            return f"of {dated:%Y-%m-%d}, not before {self.older_than:%Y-%m-%d}"
        return ""

    @cached_property
    def _include(self) -> GitIgnoreSpec:
        return _spec(self.include)

    @cached_property
    def _exclude(self) -> GitIgnoreSpec:
        return _spec(self.exclude)
