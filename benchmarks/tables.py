"""The results as Markdown tables, which the book's page on speed includes."""

from collections.abc import Iterable

PASSES = {"forward": "forward", "inference": "inference", "forward_backward": "both"}


def table(results: dict) -> str:
    """Return results as Markdown: a table of ratios, one of memory if there is any, and where they were measured."""
    timed = [row for row in results["rows"] if "timings" in row]
    sized = [row for row in results["rows"] if "megabytes" in row]
    tables = [markdown_table(map(_timed, timed))] + ([markdown_table(map(_sized, sized))] if sized else [])
    return "\n\n".join([*tables, measured_on(results["environment"])]) + "\n"


def measured_on(where: dict) -> str:
    """Return a sentence on the environment of some results."""
    machine = f"{where['device']}, {where['threads']} threads"
    return f"Measured on: {machine}, torch {where['torch']}, Python {where['python']}."


def markdown_table(rows: Iterable[dict[str, str]]) -> str:
    """Return rows, from heads to cells, as a table."""
    rows = list(rows)
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *(row.values() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _timed(row: dict) -> dict[str, str]:
    first, *others = row["timings"]
    milliseconds = row["timings"][first]["milliseconds"]
    cells = {first: f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:,.0f} ms"}
    for name in others:
        timing = row["timings"][name]
        cells[name] = f"{timing['ratio']:.2f} ({timing['low']:.2f}–{timing['high']:.2f})"
    return _case(row) | cells


def _sized(row: dict) -> dict[str, str]:
    return _case(row) | {name: f"{megabytes:.0f} MB" for name, megabytes in row["megabytes"].items()}


def _case(row: dict) -> dict[str, str]:
    case = {"batch × length": f"{row['batch']} × {row['length']}"} if "batch" in row else {}
    named = {name: str(row[name]) for name in ("attention", "mask", "weights", "sentences", "beam") if name in row}
    return case | named | ({"passes": PASSES[row["passes"]]} if "passes" in row else {})
