"""The settings of sign-in at a provider."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from app import extras
from app import settings as base
from app.settings import Words
from blueprints.login.settings import Common

WELL_KNOWN = "/.well-known/openid-configuration"
"""Where an issuer says of itself what there is (OpenID Connect Discovery 1.0 §4)."""


def _is_address(url: str) -> str:
    # Imported here, as it needs a package that a site without these handlers may lack.
    from blueprints.login.oauth.outgoing import is_safe

    if not is_safe(url):
        raise ValueError("should be an https:// address; http:// only on this machine")
    return url


Address = Annotated[str, AfterValidator(_is_address)]
"""A URL of the provider: secrets are sent there."""


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Fields = dict[str, Annotated[str, BeforeValidator(_as_text)]]
"""Names and values to send."""


class AtProvider(Common):
    """What all providers have in common."""

    redirect_uri: Address | None = Field(
        None, description="This mount's address as the provider knows it; else below `app.url`, or that of the request"
    )

    @model_validator(mode="before")
    @classmethod
    def _packages_are_there(cls, value: Any) -> Any:
        extras.need({"authlib": "Authlib", "joserfc": "joserfc", "requests": "requests"}, "login", "this sign-in")
        return value


class Keys(AtProvider):
    """The settings that the providers with a name have in common."""

    key: str = Field(min_length=1, description="The client id (or consumer key) that the provider has given out")
    secret: str = Field(min_length=1, description="The client secret that the provider has given out")
    session_key: str | None = Field(
        None, min_length=1, description="Session key that the provider's tokens are kept under; not kept unless set"
    )


class Authorize(base.Settings):
    """Where the visitor is sent, and with what."""

    url: Address | None = Field(None, description="The authorization endpoint; of an OpenID provider it is known")
    scope: Words = Field((), description="What is asked for")
    extra_params: Fields = Field(default_factory=dict, description="More to send along, as `prompt: login`")


class AccessToken(base.Settings):
    """How the code is exchanged for a token."""

    url: Address | None = Field(None, description="The token endpoint; of an OpenID provider it is known")
    headers: Fields = Field(default_factory=dict, description="More headers to send")
    body: Fields = Field(default_factory=dict, description="More fields to send")
    session_key: str | None = Field(
        None, min_length=1, description="Session key that the provider's answer is kept under; not kept unless set"
    )


class UserInfo(base.Settings):
    """How the provider is asked who the visitor is. `{access_token}` and other fields of the token are filled in."""

    url: Address | None = Field(None, description="The user info endpoint; of an OpenID provider it is known")
    headers: Fields = Field(
        default_factory=dict,
        description="Headers to send; `Authorization: Bearer ...` unless the token is elsewhere",
    )
    method: Literal["GET", "POST"] = Field("GET", description="How to ask")
    body: Fields = Field(default_factory=dict, description="Fields to send")
    user_id: str | None = Field(
        None,
        min_length=1,
        description="Field that is the user's id, as `data.id`; `id` unless set, `sub` of OpenID",
    )


class Settings(AtProvider):
    """OAuth2: the addresses of a provider, or where an OpenID provider tells them."""

    client_id: str = Field(min_length=1, description="What the provider calls this site")
    client_secret: str | None = Field(None, min_length=1, description="The secret that it gave out with it, if any")
    discovery: Address | None = Field(None, description=f"Where an OpenID provider describes itself: ...{WELL_KNOWN}")
    issuer: Address | None = Field(None, description="The OpenID provider's own name; `discovery` follows from it")
    authorize: Authorize = Field(default_factory=Authorize, description="Where the visitor is sent")
    access_token: AccessToken = Field(default_factory=AccessToken, description="How to get a token")
    user_info: UserInfo = Field(default_factory=UserInfo, description="How to learn who it is")

    @property
    def is_openid(self) -> bool:
        """Whether the provider describes itself."""
        return bool(self.discovery or self.issuer)

    @model_validator(mode="after")
    def _has_addresses(self) -> Self:
        urls = {
            "authorize.url": self.authorize.url,
            "access_token.url": self.access_token.url,
            "user_info.url": self.user_info.url,
        }
        missing = [name for name, url in urls.items() if url is None]
        if missing and not self.is_openid:
            raise ValueError(f"give {', '.join(missing)}, or `discovery` of an OpenID provider")
        return self
