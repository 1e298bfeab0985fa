import pytest

from app.tables.databases import engines


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database(request, tmp_path):
    """The URL of an empty database, of each kind in turn."""
    url = f"sqlite:///{tmp_path}/data.db"
    if request.param != "sqlite":
        url = request.getfixturevalue(request.param)
    yield url
    if request.param != "sqlite":  # a server has only so many connections for all tests
        engines.connect(url).sql.dispose()
