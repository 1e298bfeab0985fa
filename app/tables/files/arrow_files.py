"""Arrow IPC files and streams, and Feather, read by pyarrow into DuckDB, which itself knows only Arrow in memory."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pyarrow as pa
from pyarrow import feather, ipc

from app.tables.files.copies import Copy, Damaged

_FEATHER_1 = b"FEA1"
_FILE = b"ARROW1"


def read(copy: Copy) -> None:
    """Make the table, batch by batch. Raises `Damaged`, and the errors of DuckDB."""
    try:
        with _batches(copy) as reader, _named(copy, reader.schema.empty_table()):
            types = copy.described("arrow")
            copy.db.register("arrow", reader)
            copy.create(types, "arrow")
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise Damaged(f"no Arrow that can be read: {str(error).partition(chr(10))[0]}") from error


@contextmanager
def _named(copy: Copy, table: pa.Table) -> Iterator[None]:
    """Call it `arrow` in this connection."""
    copy.db.register("arrow", table)
    try:
        yield
    finally:
        copy.db.unregister("arrow")


@contextmanager
def _batches(copy: Copy) -> Iterator[pa.RecordBatchReader]:
    with ExitStack() as files:
        file = files.enter_context(pa.OSFile(str(copy.path)))
        start = file.read(len(_FILE))
        if start.startswith(_FEATHER_1):
            yield feather.read_table(str(copy.path)).to_reader()
            return
        file.seek(0)
        if start != _FILE:
            yield files.enter_context(ipc.open_stream(file))
            return
        found = ipc.open_file(file)
        batches = (found.get_batch(number) for number in range(found.num_record_batches))
        yield pa.RecordBatchReader.from_batches(found.schema, batches)
