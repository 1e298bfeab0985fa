"""What tests read of a source."""

from app.tables.grammar import parse


def all_rows(source, timeout=20, **args):
    """The rows that a source answers to these arguments."""
    result = source.run(parse(args, source.columns()), timeout)
    try:
        return [row for batch in result.batches() for row in batch]
    finally:
        result.close()


def shown(source):
    """The kinds of its columns, by name."""
    return {column.name: column.kind.value for column in source.columns()}
