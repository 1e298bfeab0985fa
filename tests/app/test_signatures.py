import datetime
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import jsonschema
import pytest
from pydantic import Field

from app.handler import Handler
from app.signatures import Header, describe, handler, kinds, typed
from app.signatures.docstrings import parse
from app.signatures.openapi import openapi


class Size(Enum):
    SMALL = 1
    LARGE = 2


@dataclass
class Point:
    x: int
    y: int = 0


class Opaque:
    pass


@pytest.mark.parametrize(
    ("hint", "value", "made"),
    [
        (int, "12", 12),
        (float, "1.5", 1.5),
        (bool, "yes", True),
        (bool, "false", False),
        (str, 5, "5"),
        (Decimal, "0.10", Decimal("0.10")),
        (datetime.date, "2024-02-29", datetime.date(2024, 2, 29)),
        (Literal["a", 2], "2", 2),
        (Size, "1", Size.SMALL),
        (Size, "LARGE", Size.LARGE),
        (Optional[int], "5", 5),  # noqa: UP045  # as users write it
        (int | str, "5", 5),
        (int | str, "x", "x"),
        (list[int], ["1", "2"], [1, 2]),
        (tuple[int, str], ["1", "2"], (1, "2")),
        (list[Literal["a", "b"]], ["b"], ["b"]),
        (Annotated[int, "how many"], "3", 3),
        (dict, {"a": 1}, {"a": 1}),
        (Point, {"x": "1"}, Point(1)),
        (Any, "5", "5"),
        (Opaque, "5", "5"),
    ],
    ids=str,
)
def test_hints_convert(hint, value, made):
    assert kinds.of(hint).convert(value) == made


@pytest.mark.parametrize(
    ("hint", "value", "message"),
    [
        (int, "x", "should be a whole number, not 'x'"),
        (int, "1.5", "should be a whole number, not '1.5'"),
        (float | None, "x", "should be a number, not 'x'"),
        (bool, "maybe", "should be true or false, not 'maybe'"),
        (datetime.date, "2024-02-30", "should be a date as 2024-02-29, not '2024-02-30'"),
        (Literal["a", "b"], "c", "should be one of a, b, not 'c'"),
        (Size, "3", "should be one of 1, 2, not '3'"),
        (list[int], ["1", "x"], "should be a whole number, not 'x'"),
        (Annotated[int, "help", Field(ge=1)], "0", "should be greater than or equal to 1, not '0'"),
        (Point, {"x": "a"}, "at x: should be a valid integer, unable to parse string as an integer, not 'a'"),
        (int | datetime.date, "x", "should be a whole number or a date as 2024-02-29, not 'x'"),
    ],
    ids=str,
)
def test_what_cannot_be_converted_is_named_with_what_is_wanted(hint, value, message):
    with pytest.raises(kinds.NotOfKind) as error:
        kinds.of(hint).convert(value)
    assert str(error.value) == message


GOOGLE = """Add up.

    All of it.

    Args:
        year (int): the year,
            in full
        *others: more
    Raises:
        ValueError: if there is none
    Returns:
        the sum
    """
NUMPY = """
    Add up.

    All of it.

    Parameters
    ----------
    year : int
        the year,
        in full
    *others
        more

    Raises
    ------
    ValueError
        if there is none
    """
RST = """Add up.

    All of it.

    :param int year: the year,
        in full
    :param others: more
    :raises ValueError: if there is none
    :returns: the sum
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, RST], ids=["google", "numpy", "rst"])
def test_a_docstring_tells_of_parameters_and_errors(text):
    found = parse(text)
    assert (found.summary, found.description) == ("Add up.", "All of it.")
    assert found.parameters == {"year": "the year, in full", "others": "more"}
    assert found.raises == {"ValueError": "if there is none"}


def test_prose_that_looks_like_a_section_stays_prose():
    assert parse("Examples\n\nNote this: it is prose.").summary == "Examples"


def total(
    year: Annotated[int, "In full"],
    region: Literal["north", "south"] = "north",
    tags: list[str] = [],  # noqa: B006  # as users write it
    user_agent: Header = "",
):
    """Add up the sales of a year.

    Args:
        region: which part
    """


def test_a_signature_has_all_that_the_source_says():
    signature = describe(total)
    assert [p.name for p in signature.arguments] == ["year", "region", "tags"]
    assert [(p.required, p.help) for p in signature.parameters[:2]] == [(True, "In full"), (False, "which part")]
    assert signature.parameters[1].kind.choices == ("north", "south")


def test_openapi_has_each_parameter_at_its_place():
    operation = openapi(describe(total), "/total/{year}")["get"]
    assert [(p["name"], p["in"], p["required"]) for p in operation["parameters"]] == [
        ("year", "path", True),
        ("region", "query", False),
        ("tags", "query", False),
        ("user-agent", "header", False),
    ]
    assert operation["parameters"][1]["schema"]["default"] == "north"


def test_openapi_has_a_body_for_post_with_a_schema_that_is_valid():
    body = openapi(describe(total), "/total", ["POST"])["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert (schema["required"], schema["additionalProperties"]) == (["year"], False)
    assert schema["properties"]["tags"]["items"] == {"type": "string"}


def test_schemas_are_whole_in_themselves():
    schema = kinds.of(list[Point]).schema
    assert "$ref" not in str(schema) and schema["items"]["properties"]["x"]["type"] == "integer"


def test_a_decorated_function_is_itself_where_no_handler_is_given():
    assert handler(lambda x, y=2: x + y)(1, y=5) == 6


def hinted(x: int, handler=None): ...
def unhinted(x, y: int): ...
def of_a_handler(handler, x: int = 1): ...
def of_a_handler_by_hint(request: Handler, x: int = 1): ...
def of_something(x: Opaque): ...
def of_nothing() -> int: ...
def of_what_is_not_there(x: "nothing.of.the.kind"): ...  # noqa: F821


@pytest.mark.parametrize(
    ("function", "is_typed"),
    [
        (hinted, True),
        (handler(unhinted), True),
        (unhinted, False),
        (of_a_handler, False),
        (of_a_handler_by_hint, False),
        (of_something, False),
        (of_nothing, False),
        (of_what_is_not_there, False),
        (str, False),
    ],
)
def test_a_function_is_typed_if_nothing_else_can_be_meant(function, is_typed):
    assert bool(typed(function)) == is_typed
