"""One request that was let in."""

from typing import Any

from starlette.requests import Request

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.server.answers import Fields, checked_name
from tiphys.server.choosing import Choice, checked_filter, count_of, time_of, with_selector
from tiphys.server.kept import Kept
from tiphys.server.labels import claims_of
from tiphys.server.storage import Storage
from tiphys.server.subject import Caller, Gate


class Call:
    """What is asked, with the connection of who asks.

    Attributes:
        storage: The objects, with the caller's rights.
        claims: What is said of the caller by who signed him in.
        gate: Who was asked to let it in.
        kept: What the server keeps open: the database.
    """

    def __init__(self, request: Request, body: Any, caller: Caller, gate: Gate, kept: Kept) -> None:
        self._request = request
        self.body = body
        self.api = api = caller.api
        self.claims = caller.claims
        self.storage = Storage(api)
        self.gate = gate
        self.kept = kept

    @property
    def method(self) -> str:
        """What is to be done: `GET`, `HEAD`, ..."""
        return self._request.method

    def header(self, name: str) -> str:
        """One header; empty without it."""
        return self._request.headers.get(name, "")

    @property
    def namespace(self) -> str:
        """The namespace of the path; empty for all.

        Raises:
            SpecError: It is no name.
            Forbidden: It is not served.
        """
        return self.place(self.part("namespace"))

    @property
    def name(self) -> str:
        """The object's name in the path."""
        return str(self._request.path_params["name"])

    @property
    def url_path(self) -> str:
        """The whole path, as it was asked for."""
        return self._request.url.path

    @property
    def request(self) -> Request:
        """The request itself, for who reads its body in parts."""
        return self._request

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

    def choice(self) -> Choice:
        """Which workflows a list shows.

        Raises:
            SpecError: The query says what cannot be.
        """
        prefix = self.query("namePrefix")
        asked = Choice(
            namespace=self.namespace or self.place(self.query("namespace")), name=prefix,
            name_filter="Prefix" if prefix else checked_filter(self.query("nameFilter")),
            labels=self.query("listOptions.labelSelector"),
            created_after=time_of(self.query("createdAfter"), "createdAfter"),
            finished_before=time_of(self.query("finishedBefore"), "finishedBefore"),
            limit=count_of(self.query("listOptions.limit"), "listOptions.limit"),
            offset=count_of(self.query("listOptions.continue"), "listOptions.continue"),
        )  # fmt: skip
        narrowed = with_selector(asked, self.query("listOptions.fieldSelector"))
        self.place(narrowed.namespace)
        return narrowed

    def place(self, namespace: str) -> str:
        """A namespace that is named elsewhere than in the path; the only served one for none.

        Raises:
            SpecError: It is no name.
            Forbidden: It is not served.
        """
        return self.gate.place(checked_name(namespace, "namespace") if namespace else "")

    def delete_options(self) -> Json:
        """How something is to be deleted, as Kubernetes takes it.

        Raises:
            SpecError: A number is none.
        """
        said: Json = {"propagationPolicy": self.query("deleteOptions.propagationPolicy")}
        grace = self.query("deleteOptions.gracePeriodSeconds")
        if grace:
            said["gracePeriodSeconds"] = count_of(grace, "deleteOptions.gracePeriodSeconds")
        names = ("uid", "resourceVersion")
        conditions = {name: text for name in names if (text := self.query(f"deleteOptions.preconditions.{name}"))}
        said |= {"preconditions": conditions or None, "dryRun": ["All"] if self.query("deleteOptions.dryRun") == "All" else None}
        return {name: value for name, value in said.items() if value not in ("", None)}

    @property
    def identity(self) -> Json:
        """What is known of who asks: said by who signed him in, else by his token."""
        return self.claims or claims_of(self.api)

    @property
    def read_options(self) -> dict[str, str]:
        """How one object is to be read."""
        version = self.query("getOptions.resourceVersion")
        return {"resourceVersion": version} if version else {}

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
