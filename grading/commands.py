"""What each command of ``python -m grading`` does, and what it prints."""

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SAWarning

from grading import exports
from grading.batches import Summary, grade_batch
from grading.course import Course, CourseError
from grading.late import configured_policy, update_penalties


def load(options: argparse.Namespace) -> Course:
    """Return the course in the current directory, with the gradebook that was asked for."""
    course = Course.load()
    if options.gradebook:
        course.directory.db_url = options.gradebook
    return course


def autograde(options: argparse.Namespace) -> int:
    """Grade submissions; say what came of them."""
    if options.no_sandbox:
        print("NO SANDBOX: the students' code runs with all the rights that you have.", file=sys.stderr)
    summary = grade_batch(
        load(options),
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
    if summary.kept:
        lines.append(f"an earlier submission counts, since it is better: {len(summary.kept)}")
        lines += [
            f"  {student}: {each.score:g} of {each.max_score:g}" for student, each in sorted(summary.kept.items())
        ]
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


def export_csv(options: argparse.Namespace) -> int:
    """Write the scores of all problem sets, or of those that are named."""
    with _gradebook(load(options), options.assignments) as gradebook:
        print(exports.write_csv(gradebook, options.to, options.assignments))
    return 0


def export_canvas(options: argparse.Namespace) -> int:
    """Write what Canvas imports."""
    with _gradebook(load(options), [options.assignment]) as gradebook:
        exported = exports.export_canvas(
            gradebook,
            options.assignment,
            options.to,
            template=options.template,
            column=options.column,
            match=options.match,
            by=options.by or "id",
            complete_only=options.complete_only,
        )
    return _say(exported)


def export_moodle(options: argparse.Namespace) -> int:
    """Write what Moodle imports: its grading worksheet where there is one, and a file of grades otherwise."""
    with _gradebook(load(options), [options.assignment]) as gradebook:
        if options.worksheet is not None:
            exported = exports.export_worksheet(
                gradebook,
                options.assignment,
                options.to,
                worksheet=options.worksheet,
                match=options.match or "Email address",
                by=options.by,
                grade=options.column or "Grade",
                complete_only=options.complete_only,
            )
        else:
            exported = exports.export_moodle(
                gradebook,
                options.assignment,
                options.to,
                identifier=options.match or "ID number",
                by=options.by,
                title=options.column,
                complete_only=options.complete_only,
            )
    return _say(exported)


def _say(exported: exports.Exported) -> int:
    print("\n".join(exported.lines()))
    return 0


def show_statistics(options: argparse.Namespace) -> int:
    """Show what a class made of a problem set, and save it where asked."""
    from grading import statistics  # draws pictures, and takes its time to be imported

    course = load(options)
    with _gradebook(course, [options.assignment]):
        collected = statistics.collect(course, options.assignment)
    written = [] if options.picture is None else [statistics.draw(collected, options.picture)]
    if options.csv is not None:
        written.append(statistics.write_csv(collected, options.csv))
    print(statistics.table(collected), *written, sep="\n")
    return 0


@contextmanager
def _gradebook(course: Course, assignments: list[str]) -> Iterator[Gradebook]:
    """Open the gradebook, with late penalties that fit the scores as they are now."""
    url = make_url(course.directory.db_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        raise CourseError(f"there is no gradebook {url.database}: run `nbgrader generate_assignment` and grade first")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own queries cause some
        with course.open_gradebook() as gradebook:
            policy = configured_policy(course.config)
            for assignment in assignments or [each.name for each in gradebook.assignments]:
                exports.find_assignment(gradebook, assignment)
                update_penalties(gradebook, assignment, policy)
            yield gradebook
