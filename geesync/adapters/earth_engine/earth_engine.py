"""Earth Engine, in our words; nothing of ``ee`` crosses its edge.

The client keeps one identity per process and opens its connection when it is first asked, so that
a daemon is up before the network is. Every method raises RemoteError, classed, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from geesync.adapters.earth_engine.client import Client
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.google.paging import pages
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import is_within
from geesync.domain.json import Json
from geesync.domain.mirror.described import described
from geesync.domain.tasks.lifecycle import TaskKind
from geesync.domain.tasks.operations import Operation
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()

Found = TypeVar("Found")

_DELETE = "earthengine.assets.delete"

#: With all fields Earth Engine would send 1,000; two pages are in memory at a time.
_ASSETS_PER_PAGE = 500
_OPERATIONS_PER_PAGE = 500

#: What the client calls the methods that start tasks.
_EXPORTS = {TaskKind.IMAGE_EXPORT: "exportImage", TaskKind.TABLE_EXPORT: "exportTable"}

#: The client's own functions for ingestions send neither a request id nor a description.
_IMPORTS = {TaskKind.IMAGE_IMPORT: "image", TaskKind.TABLE_IMPORT: "table"}


class EarthEngine:
    """One project at Earth Engine, as one user.

    url: another service than Google's, e.g. the simulator. timeout_s: per request. submits: spaces
    requests for exports further apart.
    """

    def __init__(
        self,
        *,
        project: str,
        credentials: Any,
        pacer: Pacer,
        submits: Pacer,
        url: str | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self.project = project
        self._name = f"projects/{project}"
        self._credentials = credentials
        self._pacer = pacer
        self._submits = submits
        self._client = Client(
            project=project, credentials=credentials, url=url, timeout_s=timeout_s
        )

    @property
    def exports_per_s(self) -> float:
        """How many exports may be asked for in a second."""
        return self._submits.rate_per_s

    def renew(self) -> None:
        """Ask with a new token from now on, all who share it: the key may have been replaced."""
        self._credentials.token = None

    def list_children(self, name: str, wanted: str = "") -> Iterator[list[SourceAsset]]:
        """Yield pages of what a container directly holds.

        wanted: a filter of Earth Engine's, e.g. ``startTime >= "2024-01-01T00:00:00Z"``. Children
        of a folder are named only (type and name); images of a collection come complete.
        A page may be empty and not the last. A listing that breaks raises: what was not seen is
        not known to be absent.
        """
        for items in self._children(name, wanted):
            listed = [asset for item in items if (asset := described(item))]
            yield [asset for asset in listed if _lies_in(asset.name, name)]

    def list_revisions(self, name: str) -> Iterator[dict[str, str]]:
        """Yield pages of what a collection holds: ``updateTime`` by name, as far as it is told.

        To read all else of an image takes longer than its listing.
        """
        for items in self._children(name):
            yield {str(item.get("name")): str(item.get("updateTime")) for item in items}

    def names_in(self, name: str) -> frozenset[str]:
        """Return the names of what a collection holds; of one that is not there, none."""
        try:
            return frozenset(child for page in self.list_revisions(name) for child in page)
        except RemoteError as error:
            if error.cause != Cause.GONE:
                raise
        return frozenset()

    def _children(self, name: str, wanted: str = "") -> Iterator[list[Json]]:
        asked = {"parent": name, "pageSize": _ASSETS_PER_PAGE}
        asked |= {"filter": wanted} if wanted else {}

        def page(token: str | None, ee: Any) -> Json:
            # A fresh dict each time: the client writes into the one that it is given.
            answer: Json = ee.data.listAssets(asked | ({"pageToken": token} if token else {}))
            return answer

        yield from self._pages(page, "assets")

    def get_asset(self, name: str) -> SourceAsset:
        """Return an asset with everything that Earth Engine says of it.

        Raises RemoteError GONE if it is absent or not ours to see: the two look the same.
        """
        answer = self._ask(lambda ee: ee.data.getAsset(name))
        return _required(described(answer), f"an asset without a name came for {name}")

    def find_asset(self, name: str) -> SourceAsset | None:
        """Return an asset as ``get_asset`` does; None if it is absent or not ours to see."""
        try:
            return self.get_asset(name)
        except RemoteError as error:
            if error.cause != Cause.GONE:
                raise
        return None

    def compute(self, expression: Json) -> Json:
        """Return what an expression comes to: of an image its bands and properties, as for getInfo.

        https://developers.google.com/earth-engine/reference/rest/v1/projects.value/compute
        """
        body = {"expression": expression, "workloadTag": "geesync"}

        def computed(ee: Any) -> Any:  # the client's own function wants objects
            return _execute(_projects(ee).value().compute(project=self._name, body=body))["result"]

        return self._ask(computed)

    def get_policy(self, name: str) -> Json:
        """Return an asset's IAM policy; an asset without its own has an empty one."""
        return self._ask(lambda ee: _writable(ee.data.getIamPolicy(name)))

    def start(self, kind: TaskKind, body: Json) -> Operation:
        """Ask for a task; the body carries the request id that makes repetition safe.

        Raises RemoteError QUEUE_FULL, MAYBE_STARTED, or TRANSIENT when the answer was lost: the
        operation may be running then.
        """
        self._submits.wait_for_turn()
        # One try: the subject waits in the ledger; others go on.
        answer = self._ask(lambda ee: self._start(ee, kind, body), tries=1)
        operation = Operation.from_json(answer)
        return _required(operation, "an operation without a name came for a task")

    def _start(self, ee: Any, kind: TaskKind, body: Json) -> Any:
        if kind in _EXPORTS:
            return getattr(ee.data, _EXPORTS[kind])(body["requestId"], dict(body))
        resource = getattr(_projects(ee), _IMPORTS[kind])()
        return _execute(resource.import_(project=self._name, body=dict(body)))

    def create_asset(self, name: str, body: Json) -> SourceAsset:
        """Make a folder or a collection; body: its type, times and properties.

        Raises RemoteError, EXISTS where something has the name.
        """
        parent, _, last = name.rpartition("/")
        above, _, path = parent.partition("/assets")
        asset_id = f"{path.removeprefix('/')}/{last}".lstrip("/")

        def create(ee: Any) -> Any:
            assets = _projects(ee).assets()
            return _execute(assets.create(parent=above, assetId=asset_id, body=body))

        return _required(described(self._ask(create)), f"no asset came for {name}")

    def import_external(self, manifest: Json) -> None:
        """Make an image that is a view of files in a bucket; it is there at once."""
        body = {"imageManifest": manifest}

        def make(ee: Any) -> Any:
            return _execute(_projects(ee).image().importExternal(project=self._name, body=body))

        self._ask(make, tries=1)

    def change_asset(self, name: str, changed: Json, fields: Sequence[str]) -> None:
        """Change fields of an asset, and no others; one that ``changed`` lacks is removed."""
        body = {"updateMask": ",".join(fields), "asset": changed}
        self._ask(lambda ee: _execute(_projects(ee).assets().patch(name=name, body=body)))

    def may_delete(self, name: str) -> bool:
        """Whether we may delete an asset, and what lies in it; nothing is."""
        body = {"permissions": [_DELETE]}

        def test(ee: Any) -> Any:
            return _execute(_projects(ee).assets().testIamPermissions(resource=name, body=body))

        answer = self._ask(test)
        return _DELETE in answer.get("permissions", ())

    def delete_asset(self, name: str) -> None:
        """Delete an asset at Earth Engine, for good; a container must be empty."""
        self._ask(lambda ee: ee.data.deleteAsset(name) or {}, tries=1)

    def set_policy(self, name: str, policy: Json) -> None:
        """Replace an asset's IAM policy."""
        self._ask(lambda ee: ee.data.setIamPolicy(name, policy))

    def list_operations(self) -> Iterator[list[Operation]]:
        """Yield pages of the project's operations, everybody's, in no promised order."""

        def page(token: str | None, ee: Any) -> Json:
            # The public function reads all pages, however long the history is.
            asked = {"name": self._name, "pageSize": _OPERATIONS_PER_PAGE, "pageToken": token}
            return _execute(_projects(ee).operations().list(**asked))

        for items in self._pages(page, "operations"):
            yield [op for item in items if (op := Operation.from_json(item))]

    def _pages(self, page: Callable[[str | None, Any], Json], member: str) -> Iterator[list[Json]]:
        def asked(token: str) -> tuple[list[Json], str]:
            answer = self._ask(partial(page, token or None))
            return _items(answer, member), str(answer.get("nextPageToken") or "")

        return pages(asked, lambda item: str(item.get("name")))

    def get_operation(self, operation: str) -> Operation:
        """Return one operation by its id. Raises RemoteError GONE if it is not known any more."""
        name = f"{self._name}/operations/{operation}"
        found = Operation.from_json(self._ask(lambda ee: ee.data.getOperation(name)))
        return _required(found, f"no operation came for {operation}")

    def cancel_operation(self, operation: str) -> None:
        """Ask for an operation to be cancelled; it may still succeed."""
        name = f"{self._name}/operations/{operation}"
        self._ask(lambda ee: ee.data.cancelOperation(name) or {})

    def _ask(self, ask: Callable[[Any], Any], *, tries: int | None = None) -> Json:
        def once() -> Json:
            answer: Json = self._client.ask(ask)
            if not isinstance(answer, dict):
                # A proxy's page with status 200 comes through the client as text.
                raise RemoteError(Cause.TRANSIENT, "the answer is no JSON object")
            return answer

        return self._pacer(once, tries=tries)

    def client(self) -> Any:
        """Return the connected ``ee`` module, for those beside this one who build expressions."""
        return self._client.ask(lambda ee: ee)


def _projects(ee: Any) -> Any:
    """Return the client's methods below it, for what its public functions do not ask, or not so."""
    return ee.data._get_cloud_projects()  # noqa: SLF001


def _execute(request: Any) -> Json:
    answer: Json = request.execute(num_retries=0)  # the pacer repeats
    return answer


def _required(found: Found | None, problem: str) -> Found:
    if found is None:
        raise RemoteError(Cause.TRANSIENT, problem)
    return found


def _lies_in(name: str, container: str) -> bool:
    """Whether an asset lies in the container that lists it; else walking it would have no end."""
    if name != container and is_within(name, container):
        return True
    log.warning("listed_elsewhere", asset=name, container=container)
    return False


def _items(answer: Json, member: str) -> list[Json]:
    """Return a page's items that are objects. What is no page must not pass for an empty one."""
    items = answer.get(member, [])
    if not isinstance(items, list):
        raise RemoteError(Cause.TRANSIENT, f"an unreadable answer: its {member} are no list")
    return [item for item in items if isinstance(item, dict)]


def _writable(answer: Any) -> Any:
    """Return an answer that a file can hold; raises ValueError for halves of characters."""
    json.dumps(answer, ensure_ascii=False).encode()
    return answer
