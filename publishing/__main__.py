"""``python -m publishing notebooks`` and ``python -m publishing exercises``: make the generated files anew."""

import argparse

from publishing.exercises import release_all
from publishing.notebooks import write_all
from publishing.settings import ROOT


def main() -> None:
    """Make what is asked for and say what was made."""
    parser = argparse.ArgumentParser(prog="python -m publishing", description=__doc__)
    parser.add_argument("what", choices=["notebooks", "exercises"])
    match parser.parse_args().what:
        case "notebooks":
            written = [str(path.relative_to(ROOT)) for path in write_all()]
        case "exercises":
            written = [f"exercises/{name}" for name in release_all()]
    print("\n".join(written) or "everything is up to date")


if __name__ == "__main__":
    main()
