"""`gramex.http`: the numbers of HTTP statuses by name, `OK`, `BAD_REQUEST` ..."""

from http import HTTPStatus


def __getattr__(name: str) -> int:
    try:
        return int(HTTPStatus[name])
    except KeyError:
        raise AttributeError(f"there is no status {name!r}: the names are those of Python's http.HTTPStatus") from None
