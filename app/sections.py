"""The sections at the top of the YAML that are about the site, not about a mount."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from app import extras
from app.settings import Settings, SitePath, Texts
from app.state import counters, sessions

if TYPE_CHECKING:
    from app.guards.auth import Settings as Auth  # which tells App at run time: it imports this module


class TLS(Settings):
    """Certificate and key, under the original's names."""

    certfile: SitePath = Field(description="Certificate chain, PEM")
    keyfile: SitePath = Field(description="Private key, PEM")
    ca_certs: SitePath | None = Field(None, description="Authorities whose client certificates are accepted, PEM")


class Listen(Settings):
    """Where gunicorn listens."""

    port: int = Field(8000, ge=0, le=65535, description="TCP port; the environment's PORT wins")
    address: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all")
    ssl_options: TLS | None = Field(None, description="Serve HTTPS with this certificate")
    xheaders: bool = Field(False, description="Trust X-Forwarded-For, -Proto and -Host, as behind a proxy")
    max_body_size: int = Field(1_000_000_000, gt=0, description="Bytes that a request's body may have")
    max_header_size: int = Field(8190, gt=0, le=65536, description="Bytes that one header line may have")


def _none_empty(secrets: tuple[str, ...]) -> tuple[str, ...]:
    if "" in secrets:
        raise ValueError("an empty secret signs nothing: leave cookie_secret out, and one is made")
    return secrets


class AppSettings(Settings):
    """What the original keeps below `app.settings`."""

    debug: bool = Field(False, description="Show tracebacks to everyone: never in production")
    cookie_secret: Annotated[Texts, AfterValidator(_none_empty)] = Field(
        (), description="Secrets that sign cookies and tokens, the newest first; var/cookie_secret unless set"
    )
    login_url: str = Field("/login/", description="Where people sign in")
    xsrf_cookies: bool = Field(True, description="Refuse what another site's page has a browser send")


def _days(value: object) -> object:
    if value is False or isinstance(value, int | float) and value is not True and value > 0:
        return value
    raise ValueError("should be a number of days, or false for until the browser ends")


class SessionSettings(Settings):
    """Where sessions are kept, how long, and their cookie."""

    type: Annotated[str, AfterValidator(sessions.check)] = Field(
        "sqlite", description="memory, json, sqlite, redis, or the URL of a database"
    )
    path: str | None = Field(None, description="File of the store, or the URL of Redis")
    expiry: Annotated[float | Literal[False], BeforeValidator(_days)] = Field(
        31, description="Days that a session is kept; false until the browser ends"
    )
    purge: float = Field(3600, gt=0, description="Seconds between two times that ended sessions are removed")
    max_size: int = Field(1_000_000, gt=0, description="Bytes that the values of one session may have, as JSON")
    cookie: str = Field("sid", description="Name of the cookie")
    cookiepath: str = Field("/", description="Path of the cookie")
    domain: str | None = Field(None, description="Domain of the cookie; this host alone unless set")
    secure: bool | None = Field(None, description="Send the cookie over HTTPS only; as the request came unless set")
    httponly: bool = Field(True, description="Keep the cookie from scripts")
    samesite: Literal["Lax", "Strict", "None"] = Field("Lax", description="Which requests of other sites carry it")

    @field_validator("samesite")
    @classmethod
    def _none_is_secure(cls, value: str, info: ValidationInfo) -> str:
        if value == "None" and not info.data.get("secure"):
            raise ValueError("None needs `secure: true`, or browsers drop the cookie")
        return value


class RatelimitSettings(Settings):
    """Where rate limits are counted."""

    type: Literal["sqlite", "memory", "redis", "json", "hdf5"] = Field(
        "sqlite",
        description="sqlite for all workers of a host, redis for all hosts, memory for each worker alone; "
        "json and hdf5, the original's, are sqlite",
    )
    path: str | None = Field(None, description="File of the counts, or the URL of Redis; var/ratelimit.db unless set")
    purge: float = Field(3600, gt=0, description="Seconds between two times that ended counts are removed")

    @field_validator("type")
    @classmethod
    def _installed(cls, kind: str) -> str:
        if kind == "redis":
            extras.need({"redis": "redis"}, "redis", "counting in Redis")
        return kind

    @field_validator("path")
    @classmethod
    def _is_an_address(cls, path: str | None, info: ValidationInfo) -> str | None:
        if path and info.data.get("type") == "redis":
            counters.check_redis(path)
        return path


class TableSettings(Settings):
    """What the tables of files may take of a worker."""

    memory: int = Field(1 << 30, gt=0, description="Bytes of the tables of files that a worker keeps in memory")
    threads: int = Field(2, gt=0, description="Threads that answer queries on files, in each worker")


def _redis(url: str) -> str:
    extras.need({"redis": "redis"}, "redis", "messages between hosts")
    counters.check_redis(url)
    return sessions.redis_url(url)


class App(Settings):
    """The `app:` section."""

    title: str = Field("Skerry", description="The site's name on its pages")
    url: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+$",
        description="Address of the site, as https://example.org, for links in mails",
    )
    listen: Listen = Field(default_factory=Listen, description="Where to listen")
    settings: AppSettings = Field(default_factory=AppSettings, description="Secrets, sign-in, debugging")
    session: SessionSettings = Field(default_factory=SessionSettings, description="Sessions and their cookie")
    ratelimit: RatelimitSettings = Field(
        default_factory=RatelimitSettings, description="Where the requests of limited mounts are counted"
    )
    tables: TableSettings = Field(default_factory=TableSettings, description="What tables of files may take")
    bus: Annotated[str, AfterValidator(_redis)] | None = Field(
        None, description="URL of Redis, which carries messages between hosts; workers of one host need nothing"
    )
    auth: Annotated["Auth | None", BeforeValidator(lambda value: value or None, "Auth | bool | None")] = Field(
        None, description="Who may use the mounts that have no `auth:` of their own"
    )
    watch: bool = Field(True, description="Notice changed files and reload")
    strict: bool = Field(False, description="Do not start while there is any mistake")
