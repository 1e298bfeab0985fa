"""A directory that is asked whether a name and a password are right.

Nothing that is typed in becomes a part of a filter or of a DN: it is escaped by RFC 4515 §3 and RFC 4514 §2.4.
"""

import logging
import re
import socket
import ssl
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Literal

from ldap3 import BASE, NONE, SIMPLE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPExceptionError, LDAPInvalidFilterError
from ldap3.core.results import RESULT_BUSY, RESULT_INVALID_CREDENTIALS, RESULT_SUCCESS, RESULT_UNAVAILABLE
from ldap3.utils.conv import escape_filter_chars

from blueprints.login.ldap.settings import PLACE, Search, Settings

log = logging.getLogger("skerry")

Step = Literal["bind", "conn", "auth", "search"]
"""What failed (reference: gramex.md §19): our own account, the connection, the person's password, the search."""

Entry = dict[str, Any]
"""An entry's attributes, each one value or a list of them, with its `dn`."""

_IN_DN = frozenset('\\,+"<>;=#\0 ')
_SECRET = frozenset(("userpassword", "unicodepwd", "sambantpassword", "sambalmpassword", "krbprincipalkey"))


class Failed(Exception):
    """Nobody is signed in; `step` says what failed, and the message why, for the log."""

    def __init__(self, step: Step, message: str):
        super().__init__(message)
        self.step = step


class Directory:
    """A directory, by its settings. A connection is made for each sign-in."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self._port = settings.port or (636 if settings.use_ssl else 389)

    @cached_property
    def _tls(self) -> "_VerifyingTls":
        return _VerifyingTls(self.settings)  # made when it is used, and not before gevent has patched `ssl`

    @cached_property
    def _server(self) -> Server:
        given = self.settings
        tls = self._tls if given.use_ssl or given.start_tls else None
        return Server(given.host, self._port, given.use_ssl, tls=tls, get_info=NONE, connect_timeout=given.timeout)

    def entry(self, values: Mapping[str, str]) -> Entry:
        """The entry of the person whose form has these values; raises Failed."""
        given = self.settings
        if given.bind and given.search:
            return self._found_then_bound(given.search, values)
        name = fill(given.user, values, in_dn="=" in given.user)
        with self._bound(name, fill(given.password, values), "auth") as connection:
            return self._own(connection, name, values)

    def _found_then_bound(self, search: Search, values: Mapping[str, str]) -> Entry:
        """With our account find the entry, and with what it has in it the person's password is tried."""
        bind = self.settings.bind
        assert bind is not None  # by the caller
        with self._bound(bind.user, bind.password, "bind") as connection:
            found = self._search(connection, search, values)
            name = f"cn=nobody,{search.base}"
            if found:
                name = fill(search.user, {**values, **_texts(found)}, in_dn="=" in search.user)
        with self._bound(name, fill(search.password, values), "auth"):  # for nobody too, which takes as long
            if found is None:
                raise Failed("auth", "a person who is not there could sign in")
            return found

    def _own(self, connection: Connection, name: str, values: Mapping[str, str]) -> Entry:
        """The entry of who has just been bound: that of the search, or else that of the name, if it may be read."""
        if self.settings.search:
            found = self._search(connection, self.settings.search, values)
            if found is None:
                raise Failed("search", "the search does not find who has signed in")
            return found
        if "=" not in self.settings.user:
            return {}
        try:
            entries = self._entries(connection, name, "(objectClass=*)", BASE)
        except Failed:
            return {"dn": name}
        return entries[0] if entries else {"dn": name}

    def _search(self, connection: Connection, search: Search, values: Mapping[str, str]) -> Entry | None:
        """The one entry that the filter finds; None if there is none, or several, of which any would be a guess."""
        escaped = {name: escape_filter_chars(value) for name, value in values.items()}
        entries = self._entries(connection, search.base, fill(search.filter, escaped), SUBTREE)
        if len(entries) > 1:
            log.warning("LDAP: %s finds more than one entry for a name", search.filter)
        return entries[0] if len(entries) == 1 else None

    def _entries(self, connection: Connection, base: str, filter: str, scope: Any) -> list[Entry]:
        limits = {"size_limit": 2, "time_limit": self.settings.timeout}
        try:
            connection.search(base, filter, scope, attributes=["*", "memberOf"], **limits)
        except LDAPInvalidFilterError:
            raise Failed("search", "the filter is not valid") from None
        entries = [_entry(found) for found in connection.response or () if found["type"] == "searchResEntry"]
        if connection.result["result"] != RESULT_SUCCESS and len(entries) < 2:
            raise Failed("search", f"the search below {base!r} fails: {connection.result['description']}")
        return entries

    @contextmanager
    def _bound(self, name: str, password: str, step: Step) -> Iterator[Connection]:
        """A connection as this account; raises Failed with the step if it is refused."""
        if not name.strip() or not password:
            # A bind without a password succeeds for any name, as nobody (RFC 4513 §5.1.2).
            raise Failed(step, "there is no name, or no password")
        try:
            connection = Connection(
                self._server,
                name,
                password.encode(),  # as it is: ldap3 would prepare text, after which a soft hyphen is no password
                authentication=SIMPLE,
                auto_referrals=False,  # a password is for this server only
                receive_timeout=self.settings.timeout,
                check_names=False,
            )
            try:
                self._open(connection, step)
                yield connection
            finally:
                _close(connection)
        except LDAPExceptionError as error:
            raise Failed("conn", f"{self.settings.host}:{self._port}: {type(error).__name__}: {error}") from None

    def _open(self, connection: Connection, step: Step) -> None:
        connection.open(read_server_info=False)
        if self.settings.start_tls:
            connection.start_tls(read_server_info=False)
        if connection.bind(read_server_info=False):
            return
        result = connection.result
        if result["result"] in (RESULT_BUSY, RESULT_UNAVAILABLE):
            raise Failed("conn", f"{self.settings.host}:{self._port}: {result['description']}")
        said = "" if result["result"] == RESULT_INVALID_CREDENTIALS else f": {result['description']}"
        raise Failed(step, f"the directory refuses this name and password{said}")


class _VerifyingTls(Tls):  # type: ignore[misc]  # ldap3 has no types
    """TLS as Python has it by default: the certificate is checked, and that it is for this host, or this address."""

    def __init__(self, settings: Settings):
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = ssl.create_default_context(cafile=settings.ca_certs)

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        """See Tls, whose own check of names does not know addresses."""
        # Or the first request after the handshake waits 40 ms for the server to acknowledge it.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)


def _close(connection: Connection) -> None:
    """End a connection, also one that was not opened to the end: ldap3 leaves the socket of that open."""
    connection.unbind()
    if connection.socket is not None:
        connection.socket.close()


def fill(text: str, values: Mapping[str, str], in_dn: bool = False) -> str:
    """The text with values in place of their names; raises Failed for a name that has none."""

    def value(place: re.Match[str]) -> str:
        if place[1] not in values:
            raise Failed("search", f"there is no {place[1]!r} for {text!r}")
        return escaped_in_dn(values[place[1]]) if in_dn else values[place[1]]

    return PLACE.sub(value, text)


def escaped_in_dn(value: str) -> str:
    """The value as it stands in a DN, whatever is in it (RFC 4514 §2.4)."""
    return "".join(f"\\{ord(char):02x}" if char in _IN_DN else char for char in value)


def _entry(found: Mapping[str, Any]) -> Entry:
    """An entry without what cannot be shown: passwords, and values that are no text."""
    kept: Entry = {}
    for name, values in found["attributes"].items():
        values = values if isinstance(values, list) else [values]
        texts = [value for value in values if isinstance(value, str)]
        if texts and name.lower() not in _SECRET:
            kept[name] = texts[0] if len(texts) == 1 else texts
    return {**kept, "dn": found["dn"]}


def _texts(entry: Entry) -> dict[str, str]:
    """Attributes as text: the first value of each."""
    return {name: value[0] if isinstance(value, list) else value for name, value in entry.items()}


def identity(entry: Entry, typed: str, attribute: str | None) -> str:
    """The id of a person: one and the same, however the name was typed; raises Failed.

    Directories take no notice of case, of the width of letters, and of spaces (RFC 4518), and ids do.
    """
    if attribute:
        id = _texts(entry).get(attribute)
        if not id:
            raise Failed("search", f"the entry has no {attribute!r}")
        return id
    wanted = tidied(typed).casefold()
    for values in entry.values():
        for value in values if isinstance(values, list) else [values]:
            if tidied(value).casefold() == wanted:
                return str(value)
    return wanted


def tidied(name: str) -> str:
    """The name without what directories take no notice of, except for case: wide letters, soft hyphens, spaces."""
    normal = unicodedata.normalize("NFKC", name)
    visible = "".join(char for char in normal if unicodedata.category(char) != "Cf")
    return re.sub(" +", " ", visible).strip(" ")
