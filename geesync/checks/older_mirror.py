"""Takes in what other scripts exported, as far as Earth Engine still has the very same pixels.

Each image's files are written anew in geesync's own form, and compared with what is read directly
from Earth Engine, all of it or a share. Nothing of the scripts' is changed.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geesync.adapters.direct.brought import Brought, DiffersError
from geesync.adapters.direct.image_fetching import fetch_images
from geesync.adapters.direct.image_files import ImageJob
from geesync.adapters.mirrored.older_files import OlderFiles, look
from geesync.domain.assets.asset import IMAGE, SourceAsset
from geesync.domain.assets.names import is_within
from geesync.domain.choices.options import Options
from geesync.domain.direct.choice import readings_of
from geesync.domain.direct.readings import TooLargeError
from geesync.domain.direct.rereading import least_share
from geesync.domain.json import Json
from geesync.domain.mirror.layout import GEESYNC_JSON
from geesync.domain.mirror.lifecycle import State
from geesync.domain.mirror.older_exports import NOT_DONE, OlderExports, UnfitError
from geesync.domain.mirror.plan import Plan
from geesync.domain.mirror.planning import options_hash, plan
from geesync.domain.tasks.exports import Way, token_of
from geesync.errors import RemoteError, UserError
from geesync.steps.mirror.fetch_jobs import targets_of
from geesync.steps.mirror.fetcher import Fetcher
from geesync.store.copies.recovery import Recovery
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.tasks.plans import NewPlan

if TYPE_CHECKING:
    from geesync.adapters.direct.source import Source

#: A side of what is compared of an image, if not all is.
_SAMPLE_PX = 512

#: A JSON that is larger is none of a few thousand images' outlines and times.
_LONGEST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Fit:
    """Files that may be an image, and how it lies in the mirror if they are."""

    files: OlderFiles
    plan: Plan


@dataclass
class OlderMirror:
    """Adopts what others exported of a root."""

    exports: OlderExports
    root: str
    share: float  #: of the pixels that are compared, 0 to 1
    fetcher: Fetcher
    recovery: Recovery

    def adopt(self) -> Iterator[tuple[LedgerAsset, str]]:
        """Adopt what is proved; yield each image with why it is not, "" if it is."""
        after, context = 0, self.fetcher.context
        while assets := self.recovery.discovered(after=after, limit=context.chunk):
            after = assets[-1].id
            images = [
                asset
                for asset in assets
                if asset.type == IMAGE and is_within(asset.name, self.root)
            ]
            sources = context.ledger.sources_of(images)
            for asset in images:
                context.check_stop()
                yield asset, self._adopt(asset, sources[asset.id])

    def _adopt(self, asset: LedgerAsset, source: SourceAsset) -> str:
        why = ""
        try:
            options = self.fetcher.planner.chosen(asset)
            for fit in fits(self.exports, source, self.root, options):
                if not (why := self._prove(asset, source, fit, options)):
                    return ""
        except (UnfitError, RemoteError) as error:
            return str(error)
        except TooLargeError:
            return "one block of one band is more than Earth Engine answers with"
        return why

    def _prove(self, asset: LedgerAsset, source: SourceAsset, fit: Fit, options: Options) -> str:
        """Write an image as files have it, and compare it; return why it is not adopted."""
        job = self._job(asset, source, fit, options)
        (answer,) = _answers(self.fetcher.source, asset.dest, job, fit.files)
        if isinstance(answer, DiffersError):
            return f"its files are not what Earth Engine has: {answer.where}"
        if not isinstance(answer, Brought):
            return str(answer)
        new = NewPlan(asset.id, asset.revision, options_hash(options), fit.plan)
        known = self.fetcher.planner.plans.put([new], self.fetcher.context.clock())[asset.id]
        adopted = tuple(sorted(path.name for path in fit.files.places))
        named = replace(self.fetcher.job(asset, known, source), adopted=adopted)
        self.fetcher.conclude([(named, answer)])
        now = self.fetcher.context.ledger.find(asset.name)
        if now is None or now.standing.state == State.DISCOVERED:
            return (now.standing.reason if now else "") or "it changed at Earth Engine meanwhile"
        return ""

    def _job(self, asset: LedgerAsset, source: SourceAsset, fit: Fit, options: Options) -> ImageJob:
        """Return what is written and compared, under names that no other run believes in."""
        share = 1.0 if self.share < 1 and fit.files.is_ambiguous() else self.share
        readings = readings_of(fit.plan, source)
        if share < 1:
            readings = [
                replace(reading, height=_SAMPLE_PX, width=_SAMPLE_PX) for reading in readings
            ]
        least = (least_share(asset.name, asset.revision, reading.shifted()) for reading in readings)
        token = token_of(["adopt", secrets.token_hex()])
        return ImageJob(
            *(asset.name, asset.revision, asset.path),
            targets_of(asset, fit.plan, lambda _: token),
            *(tuple(readings), options.compress, max(share, *least)),
        )


def _answers(source: Source, dest: str, job: ImageJob, files: OlderFiles) -> list[object]:
    pages = fetch_images(source, dest, [job], files)
    answers: list[object] = [answer for page in pages for _, answer in page]
    return answers or ["Earth Engine does not answer"]


def fits(exports: OlderExports, source: SourceAsset, root: str, options: Options) -> Iterator[Fit]:
    """Yield the files that may be an image, by their headers; raises UnfitError if none may."""
    made = plan(source, options, way=Way.DIRECT)
    wanted = {band for part in made.parts for band in part.bands}
    if not wanted:
        raise UnfitError("; ".join(made.left))
    bands = [band for band in source.bands if band.id in wanted]
    why: Exception | None = None
    found = False
    for paths in exports.of(source, root):
        try:
            files = look(paths, bands)
        except (UnfitError, RemoteError) as error:
            why = why or error
            continue
        found = True
        yield Fit(files, made)
    if why and not found:
        raise UnfitError(str(why))


def unfit(exports: OlderExports, source: SourceAsset, root: str, options: Options) -> str:
    """Return why no files can be an image, by their headers; "" if some may be."""
    try:
        return "" if next(fits(exports, source, root, options), None) else "no file"
    except (UnfitError, RemoteError) as error:
        return str(error)


def read_tree(folder: Path) -> OlderExports:
    """Return what other scripts left in a folder and all below it; links are not followed.

    Raises UserError if that is nothing, or a mirror of geesync's own.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    top = folder.resolve()
    files: dict[Path, list[str]] = {}
    metadata: dict[str, Json] = {}
    not_done: set[str] = set()
    for place, _, names in os.walk(top):
        if GEESYNC_JSON in names:
            raise UserError(f"{place} is in a mirror of geesync's", hint="geesync recover ROOT")
        here = Path(place)
        files[here] = sorted(name for name in names if name.endswith(".tif"))
        for name in names:
            if name.endswith(NOT_DONE):
                not_done.add(str((here / name.removesuffix(NOT_DONE)).relative_to(top)))
            elif name.endswith(".json"):
                metadata |= _metadata_in(here / name)
    if not any(files.values()) and not not_done:
        raise UserError(f"{folder} holds no .tif and no {NOT_DONE}: nothing to adopt")
    return OlderExports(top, files, metadata, frozenset(not_done))


def _metadata_in(path: Path) -> dict[str, Json]:
    """Return what a JSON tells of assets by their ids; nothing if it is another's."""
    if path.stat().st_size > _LONGEST_BYTES:
        return {}
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {key: one for key, one in document.items() if "/" in key and isinstance(one, dict)}
