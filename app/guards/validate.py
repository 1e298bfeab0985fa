"""`validate:` lets a request through only if an expression over `handler` is true.

::

    validate:
      - handler.get_arg("year", "").isdigit()
      - {function: mymodule.known(handler), code: 404, reason: no such sensor}
"""

import logging
from typing import Any

from flask import Blueprint, request
from pydantic import Field, RootModel, model_validator
from werkzeug.exceptions import HTTPException

from app import request_id
from app.expressions import Call
from app.handler import Handler
from app.mounts import Mount

log = logging.getLogger("skerry")


class Rule(Call):
    """One expression, and what to answer when it is false or raises."""

    code: int = Field(400, ge=400, le=599, description="Status of the refusal")
    reason: str = Field("the request is not valid here", description="What the refusal says")


class Settings(RootModel[list[Rule]]):
    """An expression, `{function, code, reason}`, or a list of these."""

    @model_validator(mode="before")
    @classmethod
    def _as_rules(cls, value: Any) -> Any:
        rules = value if isinstance(value, list) else [value]
        return [{"function": rule} if isinstance(rule, str) else rule for rule in rules]


class Refusal(HTTPException):
    """A request that a rule did not let pass. The code may be one that werkzeug has no exception for."""

    def __init__(self, rule: Rule):
        super().__init__(rule.reason)
        self.code = rule.code


def attach(bp: Blueprint, settings: Settings, mount: Mount) -> None:
    """Check the rules in order before the view."""

    @bp.before_request
    def validate() -> None:
        handler = Handler(mount, request.view_args)
        for rule in settings.root:
            if not _passes(rule, handler):
                raise Refusal(rule)


def _passes(rule: Rule, handler: Handler) -> bool:
    """Whether the rule is true. One that raises is not (reference: gramex.md §4)."""
    try:
        return bool(rule(handler=handler))
    except HTTPException:  # a missing argument, or the rule's own way to say no
        return False
    except Exception:
        identifier, mount = request_id.of(request.environ), handler.mount
        log.exception("%s: validate %r failed (%s: url.%s)", identifier, rule.function, mount.place, mount.name)
        return False
