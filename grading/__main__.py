"""The command line: ``python -m grading autograde ps1`` and what follows it."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from grading import commands
from grading.course import CourseError
from grading.exports import FIELDS
from grading.sandbox import SandboxMissingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    _find_programs()
    try:
        return options.run(options)
    except (CourseError, SandboxMissingError, OSError) as error:
        print(f"grading: {error}", file=sys.stderr)
        return 1
    except SQLAlchemyError as error:
        print(f"grading: the gradebook can't be opened: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What was graded is kept; the same command goes on from here.", file=sys.stderr)
        return 130


def _find_programs() -> None:
    """Have programs beside this interpreter be found by name: the gradebook needs alembic."""
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m grading",
        description="Grade code that nobody has vouched for. Run it where nbgrader_config.py lies.",
    )
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_autograde(parsers)
    _add_export(parsers)
    _add_statistics(parsers)
    return parser


def _add(parsers: argparse._SubParsersAction, name: str, summary: str, run: object) -> argparse.ArgumentParser:
    parser = parsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.add_argument("--gradebook", metavar="URL", help="as sqlite:///gradebook.db or postgresql+psycopg://...")
    parser.set_defaults(run=run)
    return parser


def _add_autograde(parsers: argparse._SubParsersAction) -> None:
    parser = _add(parsers, "autograde", "grade the submissions of a problem set, side by side", commands.autograde)
    parser.add_argument("assignment", help="problem set, as ps1")
    parser.add_argument("--student", action="append", metavar="ID", help="only this one; may be given again")
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="how many at once here (default: one for each core)"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster, as tcp://host:8786")
    parser.add_argument("--force", action="store_true", help="run again what has not changed")
    parser.add_argument("--no-sandbox", action="store_true", help="run students' code with ALL YOUR RIGHTS")


def _add_export(parsers: argparse._SubParsersAction) -> None:
    summary = "write scores to a file: for people, for Canvas or for Moodle"
    export = parsers.add_parser("export", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    formats = export.add_subparsers(required=True, metavar="FORMAT")
    table = _add(formats, "csv", "write a row for each student and problem set, by question", commands.export_csv)
    table.add_argument("assignments", nargs="*", metavar="assignment", help="problem sets (default: all)")
    table.add_argument("--to", type=Path, default=Path("grades.csv"), metavar="FILE", help="default: grades.csv")
    canvas = _add(formats, "canvas", "write what Canvas imports in Grades, Import", commands.export_canvas)
    _add_choices(canvas)
    canvas.add_argument(
        "--from", dest="template", type=Path, metavar="FILE", help="what Canvas wrote in Grades, Export"
    )
    canvas.add_argument("--column", metavar="TITLE", help="the assignment's title or id there")
    canvas.add_argument(
        "--match",
        default="SIS Login ID",
        metavar="COLUMN",
        help="where Canvas has our students' names: SIS Login ID (default), SIS User ID or ID",
    )
    moodle = _add(formats, "moodle", "write what Moodle imports in Grades, Import, CSV file", commands.export_moodle)
    _add_choices(moodle)
    moodle.add_argument(
        "--from", dest="worksheet", type=Path, metavar="FILE", help="a grading worksheet that Moodle wrote, to fill in"
    )
    moodle.add_argument("--column", metavar="TITLE", help="the grade item, or the worksheet's column for grades")
    moodle.add_argument("--match", metavar="COLUMN", help="where Moodle has our students' names, as 'Email address'")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("assignment", help="problem set, as ps1")
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="the file to write")
    parser.add_argument("--by", choices=FIELDS, help="what of a student in the gradebook is looked up there")
    parser.add_argument(
        "--complete-only", action="store_true", help="leave out those of whom an answer waits for a person"
    )


def _add_statistics(parsers: argparse._SubParsersAction) -> None:
    summary = "show for each question how many passed, and which mistakes were common"
    parser = _add(parsers, "statistics", summary, commands.show_statistics)
    parser.add_argument("assignment", help="problem set, as ps1")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the whole table there, too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it, as .png, .svg or .pdf")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
