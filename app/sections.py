"""The sections at the top of the YAML that are about the site, not about a mount."""

from typing import Any

from pydantic import Field

from app.settings import Settings, SitePath


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


class AppSettings(Settings):
    """What the original keeps below `app.settings`."""

    debug: bool = Field(False, description="Show tracebacks to everyone: never in production")


class App(Settings):
    """The `app:` section."""

    title: str = Field("Skerry", description="The site's name on its pages")
    listen: Listen = Field(default_factory=Listen, description="Where to listen")
    settings: AppSettings = Field(default_factory=AppSettings, description="Debugging")
    auth: Any = Field(False, description="Not in this version: it closes every mount without `auth: false`")
    watch: bool = Field(True, description="Notice changed files and reload")
    strict: bool = Field(False, description="Do not start while there is any mistake")
