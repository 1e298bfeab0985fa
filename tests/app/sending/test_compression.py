import gzip
import time

import pytest
from flask import Flask, Response, request

from app.sending.compression import INLINE, codings, compress, compressible, gzip_chunks, gzipped

TEXT = b"a line of text that is long enough\n" * 100


@pytest.mark.parametrize(
    ("header", "preferred"),
    [
        pytest.param(None, "identity", id="no header"),
        pytest.param("", "identity", id="empty"),
        pytest.param("gzip, deflate, br, zstd", "br zstd gzip identity", id="browser"),
        pytest.param("br;q=0.5, gzip;q=0.8", "gzip br identity", id="by quality"),
        pytest.param("*", "br zstd gzip identity", id="any"),
        pytest.param("gzip, *;q=0", "gzip", id="nothing else"),
        pytest.param("br;q=0, *", "zstd gzip identity", id="any but one"),
        pytest.param("identity;q=0, gzip", "gzip", id="identity refused"),
        pytest.param("identity, gzip;q=0.5", "identity", id="identity preferred"),
        pytest.param("x-gzip", "gzip identity", id="old name"),
        pytest.param("GZIP ; Q=1.0", "gzip identity", id="case and spaces"),
        pytest.param("gzip;q=x, br;q=2", "identity", id="invalid quality"),
        pytest.param("deflate", "identity", id="unknown"),
    ],
)
def test_the_codings_a_client_prefers(header, preferred):
    assert " ".join(codings(header)) == preferred


@pytest.mark.parametrize(
    "content_type",
    ["text/html; charset=utf-8", "application/json", "text/javascript", "image/svg+xml", "application/geo+json"],
)
def test_text_is_compressible(content_type):
    assert compressible(content_type)


@pytest.mark.parametrize("content_type", ["image/png", "application/zip", "video/mp4", "text/event-stream", ""])
def test_what_is_compressed_already_or_streams_is_not_compressible(content_type):
    assert not compressible(content_type)


def test_the_same_bytes_compress_to_the_same_bytes():
    assert gzipped(TEXT) == gzipped(TEXT)
    assert gzip.decompress(gzipped(TEXT)) == TEXT


def test_a_stream_compresses_chunk_by_chunk():
    assert gzip.decompress(b"".join(gzip_chunks([TEXT] * 50))) == TEXT * 50


def answer(accept="gzip", **response):
    with Flask("site").test_request_context(headers={"Accept-Encoding": accept}):
        return compress(request, Response(**{"response": TEXT, "mimetype": "text/plain", **response}))


def test_a_long_text_in_memory_is_compressed():
    answered = answer()
    assert gzip.decompress(answered.data) == TEXT
    assert answered.headers["Content-Encoding"] == "gzip"
    assert answered.headers["Vary"] == "Accept-Encoding"
    assert answered.content_length == len(answered.data)


def test_a_client_that_takes_no_gzip_gets_plain_bytes_and_vary():
    answered = answer(accept="identity")
    assert answered.data == TEXT
    assert answered.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "response",
    [
        pytest.param({"response": b"short"}, id="short"),
        pytest.param({"mimetype": "image/png"}, id="picture"),
        pytest.param({"status": 206}, id="partial"),
        pytest.param({"headers": {"Content-Encoding": "br"}}, id="has a coding"),
        pytest.param({"response": iter([TEXT])}, id="stream"),
    ],
)
def test_what_is_not_worth_it_or_not_possible_is_left_alone(response):
    answered = answer(**response)
    assert answered.headers.get("Content-Encoding") == response.get("headers", {}).get("Content-Encoding")
    assert "Vary" not in answered.headers


def test_a_strong_entity_tag_becomes_weak():
    assert answer(headers={"ETag": '"v1"'}).headers["ETag"] == 'W/"v1"'
    assert answer(headers={"ETag": 'W/"v1"'}).headers["ETag"] == 'W/"v1"'


def test_one_chunk_is_compressed_in_a_few_milliseconds():
    chunk = (TEXT * 20)[:INLINE]
    started = time.process_time()
    for _ in range(10):
        gzipped(chunk)
    assert (time.process_time() - started) / 10 < 0.01
