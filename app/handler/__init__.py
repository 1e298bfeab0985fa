"""The `handler` that a site's own functions receive: the request, and what to answer besides the result."""

from app.handler.answer import Answer, HTTPError
from app.handler.attrdict import AttrDict
from app.handler.base import OWN, BaseHandler, of_request
from app.handler.handler import Handler, Kwargs
from app.handler.incoming import HandlerRequest

__all__ = ["OWN", "Answer", "AttrDict", "BaseHandler", "HTTPError", "Handler", "HandlerRequest", "Kwargs", "of_request"]
