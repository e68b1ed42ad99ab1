"""``python -m publishing notebooks``, ``exercises`` or ``outputs``: make what is generated anew."""

import argparse
import sys

from publishing.execution import execute_all
from publishing.exercises import ReleaseError, release_all
from publishing.notebooks import write_all
from publishing.plain_markdown import UnknownMarkupError
from publishing.settings import ROOT

MAKERS = {"notebooks": write_all, "exercises": release_all, "outputs": execute_all}


def main() -> None:
    """Make what is asked for and say what was made."""
    parser = argparse.ArgumentParser(prog="python -m publishing", description=__doc__)
    parser.add_argument("what", choices=[*MAKERS])
    what = parser.parse_args().what
    try:
        made = MAKERS[what]()
    except (UnknownMarkupError, ReleaseError) as error:
        sys.exit(str(error))
    print("\n".join(str(path.relative_to(ROOT)) for path in made) or "everything is up to date")


if __name__ == "__main__":
    main()
