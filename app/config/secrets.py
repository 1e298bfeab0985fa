"""`.secrets.yaml` beside the site's file: variables that are kept out of version control.

::

    DB_PASSWORD: correct horse
    SECRETS_IMPORT: secrets/*.yaml      # a path, a list of paths, or names with paths
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.config.imports import Import, entries, find_files, searched
from app.config.yaml_source import Map, Report, load
from app.mistakes import ConfigError, Place, shown

FILE = ".secrets.yaml"
_REMOTE = ("SECRETS_URL", "SECRETS_KEY")


@dataclass
class Secrets:
    """The secrets of a site, and the files they came from."""

    report: Report
    gramex: bool
    values: dict[str, Any] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def start(self, folder: Path) -> None:
        """Read the secrets of a site's folder, if it has any. The file is watched even before it is there."""
        file = folder / FILE
        if file.exists():
            self.read(file)
        else:
            self.files.append(file)

    def read(self, file: Path) -> None:
        """Add the secrets of a file and of those that it imports. Its own win over what it imports."""
        self.files.append(file)
        try:
            tree = load(file, self.report, gramex=self.gramex)
        except ConfigError as error:
            self.report.mistakes.extend(error.mistakes)
            return
        self._refuse_remote(tree, file)
        places = tree.places.get("SECRETS_IMPORT")
        imported = tree.pop("SECRETS_IMPORT", None)
        self.values |= {str(name): value for name, value in tree.items() if str(name) not in self.values}
        self._import(imported, places[1] if places else Place(file), file.parent)

    def _import(self, value: Any, place: Place, folder: Path) -> None:
        for entry in entries(value, place, ("SECRETS_IMPORT",), self.report):
            for pattern in entry.paths:
                self.files.extend(searched(pattern, folder))
                for file in find_files(pattern, folder):
                    self._import_file(file, entry)

    def _import_file(self, file: Path, entry: Import) -> None:
        if file in self.files:
            return  # It is read already: files of secrets may import each other.
        if file.is_file():
            self.read(file)
        else:
            self.files.append(file)
            self.report.mistake(entry.place, entry.path, f"no such file: {shown(file)}")

    def _refuse_remote(self, tree: Map, file: Path) -> None:
        for name in _REMOTE:
            if tree.pop(name, None) is not None:
                message = "remote secrets are not supported: name local files in SECRETS_IMPORT"
                self.report.mistake(tree.places.get(name, (Place(file),))[0], (name,), message)


def redacted(text: str, secrets: dict[str, Any]) -> str:
    """The text without the value of any secret: what user code raises may quote one."""
    for value in _texts(secrets):
        text = text.replace(value, "***")
    return text


def _texts(value: Any) -> list[str]:
    """Every text in the secrets that is long enough to be one, the longest first."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return sorted((text for item in value for text in _texts(item)), key=len, reverse=True)
    text = "" if value is None or isinstance(value, bool) else str(value)
    return [text] if len(text) > 3 else []
