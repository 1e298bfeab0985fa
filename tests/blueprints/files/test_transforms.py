import pytest

from blueprints.files.transforms import as_bytes


async def coroutine():
    return "text"


@pytest.mark.parametrize(
    "result, content",
    [
        ("té", "té".encode()),
        (b"bytes", b"bytes"),
        (12, b"12"),
        (None, b""),
        (["a", b"b", 3], b"ab3"),
        ((str(n) for n in range(3)), b"012"),
        ([["a"], ["b", ["c"]]], b"abc"),
    ],
    ids=["text", "bytes", "number", "nothing", "list", "generator", "nested"],
)
def test_results_are_joined(result, content):
    assert as_bytes(result) == content


@pytest.mark.parametrize("result", [object(), {"a": 1}, [object()]], ids=["object", "mapping", "object in a list"])
def test_what_is_not_text_is_a_type_error(result):
    with pytest.raises(TypeError, match="must return text or bytes, not"):
        as_bytes(result)


def test_a_coroutine_is_a_type_error():
    with pytest.raises(TypeError, match="must not be async"):
        as_bytes(coroutine())
