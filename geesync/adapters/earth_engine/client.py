"""Earth Engine's client: connected once, and what it raises as what it means."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from geesync.adapters.google.errors import translated
from geesync.adapters.transfer.transport import Transport
from geesync.domain.failures.google_errors import refusal
from geesync.errors import Cause, RemoteError

Answer = TypeVar("Answer")

#: What the client makes of a proxy's page: the name of its status, at best.
_NO_WORDS = {"", "ok"}


class Client:
    """The ``ee`` module, for one project as one user; a connection that fails is tried again.

    url: another service than Google's. timeout_s: per request; the client itself has none and
    would hang for ever.
    """

    def __init__(
        self, *, project: str, credentials: Any, url: str | None, timeout_s: float
    ) -> None:
        self._project = project
        self._credentials = credentials
        self._url = url
        self._timeout_s = timeout_s
        self._connecting = threading.Lock()
        self._ee: Any = None

    def ask(self, call: Callable[[Any], Answer]) -> Answer:
        """Call the connected module; raise what it raises as a RemoteError."""
        import ee  # noqa: PLC0415 # it takes longer to load than most commands need for all
        from googleapiclient.errors import Error as ApiError  # noqa: PLC0415 # likewise

        def asked() -> Answer:
            try:
                return call(self._connected(ee))
            except ee.EEException as error:  # its status is hidden in its context
                raise _from_answer(error, error.__context__) from error
            except ApiError as error:  # not translated by the client while it connects
                raise _from_answer(error, error) from error

        return translated(asked)

    def _connected(self, ee: Any) -> Any:
        with self._connecting:
            if self._ee is None:
                state: Any = ee.data._get_state()  # noqa: SLF001 # no public function gives it
                ee.data.setMaxRetries(0)  # the pacer repeats, for all threads together
                ee.data.initialize(
                    self._credentials,
                    cloud_api_base_url=self._url,
                    project=self._project,
                    http_transport=Transport(self._timeout_s),
                )
                state.cloud_api_resource = _built_once(state.cloud_api_resource)
                self._ee = ee
            return self._ee


def _built_once(resource: Any) -> Any:
    """Return the client's tree of methods, with those below it made now.

    It would make them anew for every call, which takes longer than the call.
    """
    for name, make in list(vars(resource).items()):
        if getattr(make, "__is_resource__", False):
            inner = _built_once(make())
            setattr(resource, name, lambda inner=inner: inner)
    return resource


def _from_answer(error: Exception, cause: BaseException | None) -> RemoteError:
    response: Any = getattr(cause, "resp", None)
    status = getattr(response, "status", None)
    message = str(getattr(error, "reason", error))  # that of an HttpError is without its address
    if not status:
        return RemoteError(Cause.TRANSIENT, f"an unreadable answer: {message}")
    if message.strip().lower() in _NO_WORDS:
        message = f"HTTP {status} without a reason"
    return refusal(status, message, response.get("retry-after", ""))
