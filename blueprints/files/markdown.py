"""Markdown as HTML: CommonMark with tables, strikethrough, task lists and headings that links can point at.

A title may come first, between two lines of dashes::

    ---
    title: How we measure
    ---

HTML in the text is kept as far as it is harmless: no scripts, styles, frames or forms.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

import nh3
import yaml
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
_TASK = re.compile(r"\[([ xX])\]\s+")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    **{heading: {"id"} for heading in _HEADINGS},
    "code": {"class"},
    "details": {"open"},
    "input": {"checked", "disabled"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan", "scope"},
}
_TAGS = nh3.ALLOWED_TAGS | {"input"}


class Page(NamedTuple):
    """A text as a page: the title, if it has one, and safe HTML."""

    title: str | None
    html: str


@lru_cache(64)
def render(text: str) -> Page:
    """The text as HTML; its title is that of the front matter, or else its first heading of level 1."""
    front, text = _without_front(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    tokens = _parser().parse(text)
    html = _parser().renderer.render(tokens, _parser().options, {})
    return Page(front.get("title") or _first_heading(tokens), _harmless(html))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.core.ruler.push("anchors", _add_anchors)
    parser.core.ruler.push("tasks", _add_tasks)
    parser.core.ruler.push("alignment", _align_cells)
    return parser


def _without_front(text: str) -> tuple[dict[str, str], str]:
    """The front matter's values as text, and the text after it; what is not a mapping is not front matter."""
    found = _FRONT.match(text)
    if found is None:
        return {}, text
    try:
        values = yaml.safe_load(found[1] or "") or {}
    except yaml.YAMLError:
        return {}, text
    if not isinstance(values, dict):
        return {}, text
    return {str(key): str(value) for key, value in values.items()}, text[found.end() :]


def _first_heading(tokens: list[Token]) -> str | None:
    for token, inline in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open" and token.tag == "h1":
            return _plain(inline)
    return None


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def _add_anchors(state: StateCore) -> None:
    """Give each heading the id that GitHub gives it, so that existing links between texts hold."""
    taken: dict[str, int] = {}
    for token, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if token.type == "heading_open":
            slug = re.sub(r"[^\w\- ]", "", _plain(inline).strip().lower()).replace(" ", "-")
            number = taken.get(slug, 0)
            taken[slug] = number + 1
            token.attrSet("id", f"{slug}-{number}" if number else slug)


def _align_cells(state: StateCore) -> None:
    """The alignment of a table's columns as an attribute: a strict Content-Security-Policy allows no styles."""
    for token in state.tokens:
        style = token.attrs.pop("style", None) if token.type in ("th_open", "td_open") else None
        if style is not None:
            token.attrSet("align", str(style).removeprefix("text-align:"))


def _add_tasks(state: StateCore) -> None:
    """`- [x] done` as a checkbox that cannot be changed."""
    tokens = state.tokens
    for item, paragraph, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (item.type, paragraph.type) == ("list_item_open", "paragraph_open") and inline.children:
            _add_task(inline.children)


def _add_task(children: list[Token]) -> None:
    found = _TASK.match(children[0].content)
    if found:
        children[0].content = children[0].content[found.end() :]
        checked = "" if found[1] == " " else " checked"
        children.insert(0, Token("html_inline", "", 0, content=f'<input type="checkbox" disabled{checked}> '))


def _harmless(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        tag_attribute_values={"input": {"type": {"checkbox"}}},
        link_rel=None,
    )
