import os

import pytest

from app.tables.databases import engines
from app.tables.files.copies import Options
from app.tables.files.file import File
from app.tables.files.loading import Engine

LONG_AGO = 1_700_000_000


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request, tmp_path):
    """The URL of an empty database, of each kind in turn."""
    url = f"sqlite:///{tmp_path}/data.db"
    if request.param != "sqlite":
        url = request.getfixturevalue(request.param)
    yield url
    if request.param != "sqlite":  # a server has only so many connections for all tests
        engines.connect(url).sql.dispose()


@pytest.fixture(scope="module")
def engine():
    """A DuckDB of a test module's own."""
    return Engine()


@pytest.fixture
def opened(tmp_path, engine):
    """`opened(name, content, **options)` -> the file as a source. It is old: nobody is still writing it."""

    def opened(name, content, **options):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(tmp_path / name, (LONG_AGO, LONG_AGO))
        return File(tmp_path / name, Options(**options), engine)

    return opened
