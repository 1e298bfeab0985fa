"""The request under Tornado's names, beside Flask's."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from flask import Request
from werkzeug.datastructures import FileStorage

from app import request_id
from app.handler import arguments
from app.handler.attrdict import AttrDict


class Cookie(str):
    """A cookie's value: text, as in Flask, and with `.value`, as in Tornado."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text."""
        return str(self)


class UploadedFile(Mapping[str, Any]):
    """One file of a form: `filename`, `content_type` and `body`, as keys and as attributes."""

    KEYS = ("filename", "body", "content_type")

    def __init__(self, storage: FileStorage):
        self.storage = storage
        self.filename, self.content_type = storage.filename or "", storage.mimetype

    @cached_property
    def body(self) -> bytes:
        """All bytes of the file."""
        self.storage.stream.seek(0)
        return self.storage.stream.read()

    def __getitem__(self, key: str) -> Any:
        if key not in self.KEYS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.KEYS)

    def __len__(self) -> int:
        return len(self.KEYS)


class HandlerRequest:
    """A request with Tornado's names; every other name is that of Flask's request, `flask_request`.

    `files` is Tornado's: lists of `UploadedFile` by the name of their field. In `arguments` the values are bytes.
    """

    def __init__(self, request: Request):
        self.flask_request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self.flask_request, name)

    @property
    def uri(self) -> str:
        """Path and query as they were sent."""
        environ = self.flask_request.environ
        return str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or self.flask_request.full_path.rstrip("?"))

    @property
    def query(self) -> str:
        """The query as it was sent, without the question mark."""
        return str(self.flask_request.environ.get("QUERY_STRING", ""))

    @property
    def version(self) -> str:
        """`HTTP/1.1`."""
        return str(self.flask_request.environ.get("SERVER_PROTOCOL", "HTTP/1.0"))

    @property
    def protocol(self) -> str:
        """`http` or `https`."""
        return self.flask_request.scheme

    @property
    def remote_ip(self) -> str | None:
        """The client's address."""
        return self.flask_request.remote_addr

    @property
    def body(self) -> bytes:
        """The whole body. Of a form with files it is empty once the form has been read."""
        return self.flask_request.get_data()

    @cached_property
    def query_arguments(self) -> arguments.Raw:
        """The arguments of the query: lists of bytes."""
        return _named(arguments.of_query(self.flask_request))

    @cached_property
    def body_arguments(self) -> arguments.Raw:
        """The arguments of a form: lists of bytes."""
        return _named(arguments.of_body(self.flask_request))

    @cached_property
    def arguments(self) -> arguments.Raw:
        """The arguments of the query, then those of the form."""
        return arguments.merged([self.query_arguments, self.body_arguments])

    @cached_property
    def files(self) -> AttrDict:
        """The files of a form by the name of their field."""
        lists = self.flask_request.files.lists()
        return AttrDict({name: [UploadedFile(storage) for storage in storages] for name, storages in lists})

    @cached_property
    def cookies(self) -> dict[str, Cookie]:
        """The cookies by name."""
        return {name: Cookie(value) for name, value in self.flask_request.cookies.items()}

    def full_url(self) -> str:
        """The address with protocol and host."""
        return f"{self.protocol}://{self.flask_request.host}{self.uri}"

    def request_time(self) -> float:
        """Seconds since the request came."""
        return request_id.elapsed(self.flask_request.environ)


def _named(raw: arguments.Raw) -> arguments.Raw:
    return {name.encode("latin-1").decode(errors="replace"): values for name, values in raw.items()}
