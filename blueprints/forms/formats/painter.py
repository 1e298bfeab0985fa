"""The process that draws charts: jobs come pickled on standard input, pictures go to standard output.

It is a process of its own as V8 and matplotlib hold Python's lock while they draw, keep 100 MB each, and cannot be
stopped in a thread. It is run as a script, which imports nothing of Skerry. A message is its length in eight bytes and
so many bytes; an answer begins with `+` for a picture and with `-` for the text of an error.
"""

import io
import os
import pickle
import re
import select
import sys
from collections.abc import Callable, Mapping
from typing import Any

IDLE = 300
"""Seconds without a job after which it ends, and gives its memory back."""

_LENGTH = 8

_PALETTE = ("#0a5c72", "#d0902a", "#8a4f7d", "#5a9367", "#b5483f", "#6787a5", "#9a7b4f", "#3fa7a3")
_TEXT = {"text.color": "#15252c", "axes.labelcolor": "#15252c", "xtick.color": "#526570", "ytick.color": "#526570"}
_LINES = {"axes.edgecolor": "#8497a0", "grid.color": "#dae3e6", "axes.spines.top": False, "axes.spines.right": False}
_LOOK = {**_TEXT, **_LINES, "axes.titleweight": "bold", "axes.titlelocation": "left", "figure.facecolor": "#fff"}


def main() -> None:
    """Draw until standard input ends."""
    received, sent = sys.stdin.fileno(), os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # for libraries that print
    while select.select([received], [], [], IDLE)[0] and (length := _read(received, _LENGTH)):
        answer = _drawn(pickle.loads(_read(received, int.from_bytes(length))))
        sent.write(len(answer).to_bytes(_LENGTH) + answer)
        sent.flush()


def _read(file: int, count: int) -> bytes:
    found = b""
    while len(found) < count and (piece := os.read(file, count - len(found))):
        found += piece
    return found


def _drawn(job: dict[str, Any]) -> bytes:
    try:
        return b"+" + _PAINTERS[job.pop("painter")](**job)
    except Exception as error:  # whatever a library says of a chart that it cannot draw is the answer
        says = str(error).partition("\n    at ")[0]  # where in JavaScript is nobody's concern
        return b"-" + says.replace("conversion failed:\n", "conversion failed: ").encode("utf-8", "replace")


_IMAGE = re.compile(r"""<(?:image|use|feImage)\b[^>]*?href\s*=\s*["'](?!data:image/(?:png|jpe?g|gif|webp)[;,]|#)""")


def vega(spec: str, language: str, kind: str, scale: float) -> bytes:
    """A picture of a spec, JSON of Vega or Vega-Lite. It reads no addresses, neither for data nor for images."""
    import vl_convert

    draw: Any = {"vega": vl_convert.vega_to_svg, "vegalite": vl_convert.vegalite_to_svg}[language]
    svg: str = draw(spec, allowed_base_urls=[])
    if _IMAGE.search(svg):  # which the other two would fetch, whatever is allowed
        raise ValueError("it has an image at an address, and pictures read none")
    if kind == "svg":
        return svg.encode()
    convert = {"png": vl_convert.svg_to_png, "pdf": vl_convert.svg_to_pdf}[kind]
    return bytes(convert(svg, scale=scale))


def compiled(spec: str) -> bytes:
    """The spec of Vega for one of Vega-Lite."""
    import json

    import vl_convert

    return json.dumps(vl_convert.vegalite_to_vega(spec)).encode()


def seaborn(
    chart: str, columns: Mapping[str, Any], options: dict[str, Any], kind: str, size: tuple[float, float], dpi: float
) -> bytes:
    """A picture by a function of seaborn; `size` is in inches."""
    import matplotlib

    matplotlib.use("Agg")
    import seaborn
    from matplotlib import pyplot

    seaborn.set_theme(style="whitegrid", palette=_PALETTE, rc=_LOOK)
    try:
        pyplot.figure(figsize=size, layout="constrained")
        drawn = getattr(seaborn, chart)(data=_frame(chart, columns), **options)
        figure = getattr(drawn, "figure", None) or pyplot.gcf()
        figure.set_size_inches(*size)
        picture = io.BytesIO()
        figure.savefig(picture, format=kind, dpi=dpi)
        return picture.getvalue()
    finally:
        pyplot.close("all")


def _frame(chart: str, columns: Mapping[str, Any]) -> Any:
    """The data. A matrix is of numbers, and what is none names its rows."""
    import pandas

    frame = pandas.DataFrame({name: pandas.Series(values) for name, values in columns.items()})
    if chart not in ("heatmap", "clustermap"):
        return frame
    names = [name for name in frame if not pandas.api.types.is_numeric_dtype(frame[name])]
    return frame.set_index(names) if names else frame


_PAINTERS: dict[str, Callable[..., bytes]] = {"vega": vega, "compiled": compiled, "seaborn": seaborn}

if __name__ == "__main__":
    main()
