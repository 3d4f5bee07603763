"""One request that was let in."""

from typing import Any

from starlette.requests import Request

from tiphys.cluster.api import Api
from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.server.answers import Fields, checked_name
from tiphys.server.storage import Storage
from tiphys.server.subject import Gate


class Call:
    """What is asked, with the connection of who asks.

    Attributes:
        storage: The objects, with the caller's rights.
        gate: Who was asked to let it in.
    """

    def __init__(self, request: Request, body: Any, api: Api, gate: Gate) -> None:
        self._request = request
        self.body = body
        self.api = api
        self.storage = Storage(api)
        self.gate = gate

    @property
    def namespace(self) -> str:
        """The namespace of the path; empty for all.

        Raises:
            SpecError: It is no name.
            Forbidden: It is not served.
        """
        said = self._request.path_params.get("namespace", "")
        return self.gate.place(checked_name(said, "namespace") if said else "")

    @property
    def name(self) -> str:
        """The object's name in the path."""
        return str(self._request.path_params["name"])

    @property
    def accept(self) -> str:
        """The content that is wanted."""
        return self._request.headers.get("accept", "")

    @property
    def headers(self) -> dict[str, list[str]]:
        """Names and values of the headers."""
        return {name: self._request.headers.getlist(name) for name in self._request.headers}

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self._request.path_params.get(name, ""))

    def query(self, name: str) -> str:
        """A value of the query; names as in JSON, or with underscores."""
        found = self._request.query_params
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        return found.get(name) or found.get(snake) or ""

    def selection(self) -> dict[str, str]:
        """The selectors and the version, as the cluster takes them."""
        names = ("labelSelector", "fieldSelector", "resourceVersion")
        return {name: value for name in names if (value := self.query(f"listOptions.{name}"))}

    def fields(self) -> Fields:
        """What of the answer is wanted."""
        return Fields(self.query("fields"))

    def sent(self, *keys: str) -> Json:
        """The object in the body.

        Raises:
            SpecError: There is none.
        """
        body = self.body if isinstance(self.body, dict) else {}
        found = next((body[key] for key in keys if isinstance(body.get(key), dict)), None)
        if found is None:
            raise SpecError(f"the body has no {keys[0]!r}")
        return dict(found)
