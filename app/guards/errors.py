"""`error:` gives the mount's own pages to failures, by status code.

::

    error:
      404: {path: $YAMLPATH/404.html}
      500: {function: mymodule.sorry(status_code, handler), headers: {Content-Type: text/plain}}

A page that fails itself is logged, and the site's usual answer is sent.
"""

import logging
import mimetypes
from typing import Any, Literal

from flask import Blueprint, Response, make_response, request
from pydantic import Field, RootModel, field_validator, model_validator
from werkzeug.exceptions import HTTPException
from werkzeug.utils import get_content_type

from app import expressions, problems, request_id, templating
from app import settings as base
from app.handler import Handler
from app.mounts import Mount

log = logging.getLogger("skerry")


class Function(expressions.Call):
    """The function of an error page."""

    names = ("status_code", "kwargs", "handler")


class Page(base.Settings):
    """One code's page: a template or a function."""

    path: base.SitePath | None = Field(None, description="Template with status_code, kwargs and handler")
    function: expressions.Function | None = Field(None, description="Expression over status_code, kwargs and handler")
    args: Any = Field(None, description="Positional arguments of the function")
    kwargs: dict[str, Any] = Field(default_factory=dict, description="Keyword arguments of the function")
    headers: base.Headers = Field(default_factory=dict, description="Headers of the answer")
    autoescape: bool = Field(True, description="Escape values in the template")
    whitespace: Literal["all", "single", "oneline"] | None = Field(None, description="For Tornado's templates")

    @field_validator("path")
    @classmethod
    def _exists(cls, path: Any) -> Any:
        if path is not None and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

    @field_validator("function")
    @classmethod
    def _compiles(cls, function: Any) -> Any:
        if function is not None:
            expressions.compiled(function, Function.names)
        return function

    @model_validator(mode="after")
    def _one_of_two(self) -> "Page":
        if (self.path is None) == (self.function is None):
            raise ValueError("needs `path:` of a template or `function:`, one of them")
        return self


class Settings(RootModel[dict[int, Page]]):
    """Status code -> page."""

    @field_validator("root")
    @classmethod
    def _codes(cls, pages: dict[int, Page]) -> dict[int, Page]:
        for code in pages:
            if not 400 <= code <= 599:
                raise ValueError(f"{code} is not the status of an error: 400 to 599")
        return pages


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Answer the mount's failures of each code by its page."""
    pages = {code: _Answer(page, mount, code) for code, page in settings.root.items()}

    # By class, as werkzeug has none for many codes.
    @bp.errorhandler(HTTPException)
    def answer(error: HTTPException) -> Response:
        page = pages.get(error.code or 500) if error.response is None else None
        return page(error) if page else problems.answer(error)


class _Answer:
    """The page of one code."""

    def __init__(self, page: Page, mount: Mount, code: int):
        self.page, self.mount, self.code = page, mount, code
        self.function = page.function and Function.model_validate(
            {"function": page.function, "args": page.args, "kwargs": page.kwargs}
        )

    def __call__(self, error: HTTPException) -> Response:
        problems.note(error)
        try:
            response = self._response(getattr(error, "original_exception", None) or error)
        except Exception:  # the page of an error must not replace the error
            log.exception(
                "%s: the page for %s failed (%s: url.%s)",
                request_id.of(request.environ),
                self.code,
                self.mount.place,
                self.mount.name,
            )
            return problems.answer(error)
        response.headers.extend(problems.headers(error))
        for name, value in self.page.headers.items():
            response.headers.remove(name)
            if value not in (None, False):
                response.headers[name] = str(value)
        return response

    def _response(self, error: BaseException) -> Response:
        handler = Handler(self.mount, request.view_args)
        exc_info = (type(error), error, error.__traceback__)
        variables = {"status_code": self.code, "kwargs": {"exc_info": exc_info}, "handler": handler}
        if self.function:
            return handler.apply_to(make_response(self.function(**variables), self.code))
        assert self.page.path is not None  # Page checks that there is one of the two
        body = templating.render(
            self.page.path,
            variables,
            tornado=self.mount.gramex,
            autoescape=self.page.autoescape,
            whitespace=self.page.whitespace,
        )
        kind = mimetypes.guess_type(self.page.path.name)[0] or "text/html"
        return handler.apply_to(Response(body, self.code, content_type=get_content_type(kind, "utf-8")))
