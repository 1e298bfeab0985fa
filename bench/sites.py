"""Sites of any number of mounts, in equal parts of the kinds of patterns that sites have."""

from pathlib import Path

from bench.server import site

KINDS = r"""
  literal{n}: {pattern: /literal/page{n}, handler: Function, kwargs: {function: str("page")}}
  folder{n}: {pattern: /folder{n}/(.*), handler: FileHandler, kwargs: {path: ., headers: {Cache-Control: max-age=60}}}
  named{n}:
    pattern: /sales{n}/(?P<year>\d{4})
    handler: Function
    kwargs: {function: 'handler.path_kwargs["year"]', methods: [GET]}
  converted{n}:
    pattern: /item{n}/<int:id>
    handler: Function
    kwargs: {function: 'handler.path_kwargs["id"]', cors: true}
  shared{n}: {pattern: /report/(\d+)/sheet{n}, handler: Function, kwargs: {function: 'handler.path_args[0]'}}
"""
"""One mount of each kind, {n} being its number. Those that are shared begin alike, so that all of them are tried."""

NUMBER = 10000
"""Of the mounts that are requested; those with other numbers are only there."""


def yaml(mounts: int) -> str:
    """A site of so many mounts, a multiple of the kinds; those that `paths` asks for stand in the middle."""
    others = mounts // KINDS.count("pattern:") - 1
    numbers = [*range(others // 2), NUMBER, *range(others // 2, others)]
    return "url:" + "".join(KINDS.replace("{n}", str(number)) for number in numbers)


def write(folder: Path, mounts: int, more: str = "") -> dict[str, str]:
    """Write such a site, with more entries at its end; the environment that serves it."""
    (folder / "page.txt").write_text("page")
    return site(folder, yaml(mounts) + more)


def paths() -> list[str]:
    """One path of each kind."""
    return [
        f"/literal/page{NUMBER}",
        f"/folder{NUMBER}/page.txt",
        f"/sales{NUMBER}/2024",
        f"/item{NUMBER}/7",
        f"/report/7/sheet{NUMBER}",
    ]
