"""How charts look: the colours and the type of our pages (app/static/skerry.css), light and dark."""

from typing import Any, Literal, NamedTuple

Theme = Literal["light", "dark"]

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', Arial, sans-serif"


class Colours(NamedTuple):
    """Those of a theme. `series` are told apart by lightness too, not by hue alone."""

    paper: str
    ink: str
    muted: str
    line: str
    edge: str
    series: tuple[str, ...]


COLOURS: dict[Theme, Colours] = {
    "light": Colours(
        *("#ffffff", "#15252c", "#526570", "#dae3e6", "#8497a0"),
        ("#0a5c72", "#d0902a", "#8a4f7d", "#5a9367", "#b5483f", "#6787a5", "#9a7b4f", "#3fa7a3"),
    ),
    "dark": Colours(
        *("#142026", "#e2ebee", "#9db0b9", "#26373f", "#6d838d"),
        ("#7cc8db", "#e2ad52", "#c99bc0", "#93c9a0", "#ff9d92", "#a4bdd6", "#d3b58a", "#7fd6d2"),
    ),
}


def config(theme: Theme) -> dict[str, Any]:
    """The `config` of Vega and Vega-Lite."""
    own = COLOURS[theme]
    mark = own.series[0]
    axis = {
        "labelColor": own.muted,
        "titleColor": own.ink,
        "gridColor": own.line,
        "domainColor": own.edge,
        "tickColor": own.edge,
        "labelFont": _FONT,
        "titleFont": _FONT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": 600,
        "titlePadding": 10,
        "labelPadding": 6,
        "labelLimit": 220,
    }
    text = {"labelColor": own.muted, "titleColor": own.ink, "labelFont": _FONT, "titleFont": _FONT}
    return {
        "background": own.paper,
        "font": _FONT,
        "padding": 16,
        "view": {"stroke": None},
        "axis": axis,
        "axisQuantitative": {"tickCount": 6},
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False},
        "legend": {**text, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 600, "symbolType": "circle"},
        "header": text,
        "title": {"anchor": "start", "color": own.ink, "font": _FONT, "fontSize": 16, "fontWeight": 650, "offset": 14},
        "range": {"category": list(own.series)},
        "mark": {"color": mark},
        "bar": {"cornerRadiusEnd": 2},
        "line": {"strokeWidth": 2.5, "strokeJoin": "round", "strokeCap": "round"},
        "area": {"fillOpacity": 0.75, "line": True},
        "point": {"filled": True, "size": 60, "opacity": 0.85},
        "arc": {"stroke": own.paper},
        "rule": {"color": own.edge},
        "text": {"color": own.ink, "font": _FONT},
    }
