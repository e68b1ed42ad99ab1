"""The command line: ``python -m grading autograde ps1`` and what follows it."""

import argparse
import logging
import sys
from collections.abc import Sequence

from grading.batches import Summary, grade_batch
from grading.course import Course, CourseError
from grading.sandbox import SandboxMissingError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    try:
        return options.run(options)
    except (CourseError, SandboxMissingError, FileNotFoundError) as error:
        print(f"grading: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What was graded is kept; the same command goes on from here.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grading", description="Grade code that nobody has vouched for.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    autograde = commands.add_parser(
        "autograde", help="grade all submissions of a problem set", description=grade_batch.__doc__.splitlines()[0]
    )
    autograde.add_argument("assignment", help="problem set, as ps1")
    autograde.add_argument("--student", action="append", metavar="ID", help="only this one; may be given again")
    autograde.add_argument("--workers", type=_count, metavar="N", help="local processes (default: one for each core)")
    autograde.add_argument("--scheduler", metavar="ADDRESS", help="a Dask cluster, as tcp://host:8786")
    autograde.add_argument("--force", action="store_true", help="run again what has not changed")
    autograde.add_argument("--no-sandbox", action="store_true", help="run students' code with ALL YOUR RIGHTS")
    autograde.set_defaults(run=_autograde)
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _autograde(options: argparse.Namespace) -> int:
    if options.no_sandbox:
        print("NO SANDBOX: the students' code runs with all the rights that you have.", file=sys.stderr)
    summary = grade_batch(
        Course.load(),
        options.assignment,
        students=options.student,
        workers=options.workers,
        scheduler=options.scheduler,
        walls=not options.no_sandbox,
        force=options.force,
    )
    print("\n".join(describe(summary)))
    return 1 if summary.failed else 0


def describe(summary: Summary) -> list[str]:
    """Return a summary as the lines that an instructor reads."""
    lines = [f"graded: {len(summary.graded)}"]
    if summary.unchanged:
        lines.append(f"unchanged since they were graded: {len(summary.unchanged)}")
    if summary.zero:
        lines.append(f"zero, since nothing could be graded: {len(summary.zero)}")
        lines += [f"  {student}: {reason}" for student, reason in sorted(summary.zero.items())]
    if summary.by_hand:
        lines.append(f"waiting for a person to grade what is written: {len(summary.by_hand)}")
    if summary.remarks:
        lines.append(f"worth a look: {len(summary.remarks)}")
        lines += [f"  {student}: {' '.join(remarks)}" for student, remarks in sorted(summary.remarks.items())]
    if summary.failed:
        lines.append(f"NOT graded, need a person: {len(summary.failed)}")
        lines += [f"  {student}: {error}" for student, error in sorted(summary.failed.items())]
    return lines


if __name__ == "__main__":
    sys.exit(main())
