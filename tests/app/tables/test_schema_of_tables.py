import jsonschema
import pytest

from app.tables.columns import Column, Kind
from app.tables.schema import json_schema
from tests.app.tables.cases import COLUMNS, NET, ROWS
from tests.app.tables.databases import answer, filled

EVERY = [Column(kind.value, kind, nullable=False) for kind in Kind]


def test_every_kind_has_a_type_and_a_format():
    found = json_schema(EVERY)["properties"]
    types = {name: tuple(each.get(key) for key in ("type", "format")) for name, each in found.items()}
    assert types == {
        "boolean": ("boolean", None),
        "integer": ("integer", None),
        "float": ("number", None),
        "decimal": ("number", None),
        "text": ("string", None),
        "date": ("string", "date"),
        "time": ("string", "time"),
        "datetime": ("string", "date-time"),
        "binary": ("string", None),
        "other": (None, None),
    }


def test_the_schema_is_one_of_2020_12_and_takes_the_rows_of_its_table(tmp_path):
    table = filled(f"sqlite:///{tmp_path}/data.db", COLUMNS, ROWS)
    schema = json_schema(table.columns())
    jsonschema.Draft202012Validator.check_schema(schema)
    rows = [dict(zip([column.name for column in COLUMNS], row, strict=True)) for row in answer(table, "_limit=4")]
    plain = [row | {"sales": row["sales"] and float(row["sales"]), "day": "", "at": ""} for row in rows]
    assert [list(jsonschema.Draft202012Validator(schema).iter_errors(row)) for row in plain] == [[], [], [], []]


def test_what_may_be_null_says_so():
    found = json_schema([Column("a", Kind.INTEGER, nullable=True), Column("b", Kind.INTEGER, nullable=False)])
    assert [each["type"] for each in found["properties"].values()] == [["integer", "null"], "integer"]


@pytest.mark.parametrize(("key", "found"), [((), ["id"]), (("city", NET), ["city", NET])])
def test_the_key_is_that_of_the_table_or_what_somebody_says(key, found):
    assert json_schema(COLUMNS, key)["x-key"] == found


def test_a_row_has_all_the_columns_and_no_others():
    schema = json_schema(COLUMNS)
    assert schema["required"] == [column.name for column in COLUMNS]
    assert schema["additionalProperties"] is False
