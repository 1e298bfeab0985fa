"""Rows as bytes, batch by batch: what is streamed never has to fit into memory.

A module writes each family of formats, with its options as a pydantic model; `settings` knows them all.
"""

from blueprints.forms.formats.format import ARGUMENTS, Context, Data, Format, Write
from blueprints.forms.formats.negotiation import PAGE, chosen, disposition
from blueprints.forms.formats.settings import FORMATS, Formats, FormatSettings

__all__ = [
    "ARGUMENTS",
    "FORMATS",
    "PAGE",
    "Context",
    "Data",
    "Format",
    "FormatSettings",
    "Formats",
    "Write",
    "chosen",
    "disposition",
]
