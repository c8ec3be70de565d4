"""Figures as Markdown, between the marks of a document."""

from collections.abc import Iterable
from pathlib import Path


def table(head: Iterable[str], *rows: Iterable[str]) -> str:
    head = list(head)
    lines = [head, ["---" for _ in head], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put(document: Path, **texts: str) -> None:
    """Replace what stands there between `<!-- name -->` and `<!-- end -->`, for each name.

    Raises:
        ValueError: it has not both marks.
    """
    text = document.read_text()
    for name, new in texts.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        if not mark:
            raise ValueError(f"{document.name} has no <!-- {name} -->")
        text = f"{before}{mark}{new}\n{rest[rest.index('<!-- end -->'):]}"
    document.write_text(text)
