"""Earth Engine, in our words; nothing of ``ee`` crosses its edge.

The client keeps one identity per process and opens its connection when it is first asked, so that
a daemon is up before the network is. Every method raises RemoteError, classed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from geesync.adapters.earth_engine.errors import translated
from geesync.adapters.earth_engine.items import (
    described_item,
    items_of,
    lies_in,
    operation_item,
    writable,
)
from geesync.adapters.earth_engine.resources import built_once
from geesync.adapters.google.connecting import ConnectedOnce
from geesync.adapters.google.credentials import renew
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.google.paging import Pages
from geesync.adapters.google.transport import Transport
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.described import described
from geesync.domain.tasks.operations import Operation
from geesync.domain.tasks.task import TaskKind
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()

Answer = TypeVar("Answer")

_DELETE = "earthengine.assets.delete"

#: Earth Engine's own limit for pages with all fields.
_ASSETS_PER_PAGE = 1000
_OPERATIONS_PER_PAGE = 500

#: What the client calls the methods that start tasks.
_EXPORTS = {TaskKind.IMAGE_EXPORT: "exportImage", TaskKind.TABLE_EXPORT: "exportTable"}

#: The client's own functions for ingestions send neither a request id nor a description.
_IMPORTS = {TaskKind.IMAGE_IMPORT: "image", TaskKind.TABLE_IMPORT: "table"}


class EarthEngine:
    """One project at Earth Engine, as one user.

    url: another service than Google's, e.g. the simulator. timeout_s: per request; the client
    itself has none and would hang for ever. submits: spaces requests for exports further apart.
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
        self._credentials = credentials
        self._pacer = pacer
        self._submits = submits
        self._url = url
        self._timeout_s = timeout_s
        self._client = ConnectedOnce(self._connect)

    @property
    def exports_per_s(self) -> float:
        """How many exports may be asked for in a second."""
        return self._submits.rate_per_s

    def renew(self) -> None:
        """Ask with a new token from now on, all who share it: the key may have been replaced."""
        renew(self._credentials)

    def list_children(self, name: str, wanted: str = "") -> Iterator[list[SourceAsset]]:
        """Yield pages of what a container directly holds.

        wanted: a filter of Earth Engine's, e.g. ``startTime >= "2024-01-01T00:00:00Z"``. Children
        of a folder are named only (type and name); images of a collection come complete.
        A page may be empty and not the last. A listing that breaks raises: what was not seen is
        not known to be absent.
        """
        for items in self._children(name, wanted):
            listed = [asset for item in items if (asset := described_item(item))]
            yield [asset for asset in listed if lies_in(asset.name, name)]

    def list_revisions(self, name: str) -> Iterator[dict[str, str]]:
        """Yield pages of what a collection holds: ``updateTime`` by name, as far as it is told.

        To read all else of an image takes longer than its listing.
        """
        for items in self._children(name):
            yield {
                str(item.get("name")): str(item.get("updateTime"))
                for item in items
                if isinstance(item, dict)
            }

    def _children(self, name: str, wanted: str = "") -> Iterator[list[Any]]:
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
        asset = described(self._ask(lambda ee: ee.data.getAsset(name)))
        if asset is None:
            raise RemoteError(Cause.TRANSIENT, f"an asset without a name came for {name}")
        return asset

    def compute(self, expression: Json) -> Json:
        """Return what an expression comes to: of an image its bands and properties, as for getInfo.

        https://developers.google.com/earth-engine/reference/rest/v1/projects.value/compute
        """

        def computed(ee: Any) -> Any:
            asked = ee.data._get_cloud_projects().value()  # noqa: SLF001 # the client wants objects
            body = {"expression": expression, "workloadTag": "geesync"}
            request = asked.compute(project=f"projects/{self.project}", body=body)
            return request.execute(num_retries=0)["result"]

        found: Json = self._ask(computed)
        return found

    def get_policy(self, name: str) -> Json:
        """Return an asset's IAM policy; an asset without its own has an empty one."""
        policy: Json = self._ask(lambda ee: writable(ee.data.getIamPolicy(name)))
        return policy

    def start(self, kind: TaskKind, body: Json) -> Operation:
        """Ask for a task; the body carries the request id that makes repetition safe.

        Raises RemoteError QUEUE_FULL, MAYBE_STARTED, or TRANSIENT when the answer was lost: the
        operation may be running then.
        """
        self._submits.wait_for_turn()
        # One try: the subject waits in the ledger; others go on.
        answer = self._ask(lambda ee: self._start(ee, kind, body), tries=1)
        operation = Operation.from_json(answer)
        if operation is None:
            raise RemoteError(Cause.TRANSIENT, "an operation without a name came for a task")
        return operation

    def _start(self, ee: Any, kind: TaskKind, body: Json) -> Any:
        if kind in _EXPORTS:
            return getattr(ee.data, _EXPORTS[kind])(body["requestId"], dict(body))
        resource = getattr(ee.data._get_cloud_projects(), _IMPORTS[kind])()  # noqa: SLF001
        asked = resource.import_(project=f"projects/{self.project}", body=dict(body))
        return asked.execute(num_retries=0)

    def create_asset(self, name: str, body: Json) -> SourceAsset:
        """Make a folder or a collection; body: its type, times and properties.

        Raises RemoteError, EXISTS where something has the name.
        """
        parent, _, last = name.rpartition("/")
        above, _, path = parent.partition("/assets")

        def create(ee: Any) -> Any:
            assets = ee.data._get_cloud_projects().assets()  # noqa: SLF001
            asset_id = f"{path.removeprefix('/')}/{last}".lstrip("/")
            return assets.create(parent=above, assetId=asset_id, body=body).execute(num_retries=0)

        made = described(self._ask(create))
        if made is None:
            raise RemoteError(Cause.TRANSIENT, f"no asset came for {name}")
        return made

    def import_external(self, manifest: Json) -> None:
        """Make an image that is a view of files in a bucket; it is there at once."""

        def make(ee: Any) -> Any:
            image = ee.data._get_cloud_projects().image()  # noqa: SLF001
            asked = image.importExternal(
                project=f"projects/{self.project}", body={"imageManifest": manifest}
            )
            return asked.execute(num_retries=0)

        self._ask(make, tries=1)

    def change_asset(self, name: str, changed: Json, fields: Sequence[str]) -> None:
        """Change fields of an asset, and no others; one that ``changed`` lacks is removed."""

        def change(ee: Any) -> Any:
            assets = ee.data._get_cloud_projects().assets()  # noqa: SLF001
            body = {"updateMask": ",".join(fields), "asset": changed}
            return assets.patch(name=name, body=body).execute(num_retries=0)

        self._ask(change)

    def may_delete(self, name: str) -> bool:
        """Whether we may delete an asset, and what lies in it; nothing is."""
        asked = {"permissions": [_DELETE]}
        answer: Json = self._ask(
            lambda ee: (
                ee.data._get_cloud_projects()  # noqa: SLF001 # no public function asks it
                .assets()
                .testIamPermissions(resource=name, body=asked)
                .execute(num_retries=0)
            )
        )
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
            operations = ee.data._get_cloud_projects().operations()  # noqa: SLF001
            answer: Json = operations.list(
                name=f"projects/{self.project}", pageSize=_OPERATIONS_PER_PAGE, pageToken=token
            ).execute(num_retries=0)
            return answer

        for items in self._pages(page, "operations"):
            yield [op for item in items if (op := operation_item(item))]

    def _pages(self, page: Callable[[str | None, Any], Json], member: str) -> Iterator[list[Any]]:
        token: str | None = None
        pages = Pages()
        while True:
            answer = self._ask(partial(page, token))
            items = items_of(answer, member)
            yield items
            token = answer.get("nextPageToken")
            if not token:
                return
            first = items[0] if items else {}
            first_name = str(first.get("name")) if isinstance(first, dict) and first else None
            pages.check(first_name, str(token))

    def get_operation(self, operation: str) -> Operation:
        """Return one operation by its id. Raises RemoteError GONE if it is not known any more."""
        name = f"projects/{self.project}/operations/{operation}"
        found = operation_item(self._ask(lambda ee: ee.data.getOperation(name)))
        if found is None:
            raise RemoteError(Cause.TRANSIENT, f"no operation came for {operation}")
        return found

    def cancel_operation(self, operation: str) -> None:
        """Ask for an operation to be cancelled; it may still succeed."""
        name = f"projects/{self.project}/operations/{operation}"
        self._ask(lambda ee: ee.data.cancelOperation(name) or {})

    def _ask(self, ask: Callable[[Any], Any], *, tries: int | None = None) -> Any:
        def once() -> Any:
            answer = translated(lambda: ask(self._client()))
            if not isinstance(answer, dict):
                # A proxy's page with status 200 comes through the client as text.
                raise RemoteError(Cause.TRANSIENT, "the answer is no JSON object")
            return answer

        return self._pacer(once, tries=tries)

    def client(self) -> Any:
        """Return the connected ``ee`` module, for those beside this one who build expressions."""
        return translated(self._client)

    def _connect(self) -> Any:
        # Imported late: it takes longer than most commands need for all their work.
        import ee  # noqa: PLC0415

        state: Any = ee.data._get_state()  # noqa: SLF001
        ee.data.setMaxRetries(0)  # the pacer repeats, for all threads together
        ee.data.initialize(
            self._credentials,
            cloud_api_base_url=self._url,
            project=self.project,
            http_transport=Transport(self._timeout_s),
        )
        state.cloud_api_resource = built_once(state.cloud_api_resource)
        return ee
