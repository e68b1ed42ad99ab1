"""Time contestants in turns, measure the memory of a call, and write both down with where they were measured."""

import json
import multiprocessing
import platform
import random
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.tables import table

RESULTS = Path(__file__).parent / "results"
CLEAR_CACHES = 2  # runs of each contestant that are not counted: first calls compile, allocate and fill caches


@dataclass(frozen=True)
class Timing:
    """What one contestant took: the median in milliseconds, and how that compares with the first contestant's.

    The ratio is the median over the rounds of this contestant's time divided by the first one's in the same round.
    Half of the rounds lie between ``low`` and ``high``.
    """

    milliseconds: float
    ratio: float
    low: float
    high: float


def compare(contestants: Mapping[str, Callable[[], object]], rounds: int, device: str = "cpu") -> dict[str, Timing]:
    """Time every contestant once a round, in a new order each time, so that no place and no predecessor is favoured."""
    names = list(contestants)
    seconds = {name: [] for name in names}
    rng = random.Random(0)
    for number in range(-CLEAR_CACHES, rounds):
        for name in rng.sample(names, len(names)):
            elapsed = _seconds(contestants[name], device)
            if number >= 0:
                seconds[name].append(elapsed)
    return {name: _timing(seconds[name], seconds[names[0]]) for name in names}


def peak_megabytes(work: Callable[[], Callable[[], object]]) -> float:
    """Return by how much a call raises the peak memory of a fresh process; ``work()`` prepares and returns the call."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report_peak, args=(work, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError(f"measuring {work} failed: see the error above") from None
    finally:
        process.join()


def environment(device: str) -> dict[str, str | int]:
    """Return what the figures depend on."""
    kind = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.backends.cpu.get_cpu_capability()}"
    return {
        "device": kind,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def write(name: str, device: str, rows: Iterable[dict]) -> Path:
    """Write rows and environment to ``results/name-device.json``, and as a table to the ``.md`` beside it."""
    results = {"environment": environment(device), "rows": list(rows)}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{device}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    path.with_suffix(".md").write_text(table(results))
    return path


def rounded(timing: Timing) -> dict[str, float]:
    return {name: float(f"{number:.4g}") for name, number in asdict(timing).items()}


def _seconds(call: Callable[[], object], device: str) -> float:
    _wait(device)
    start = time.perf_counter()
    call()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _timing(own: list[float], first: list[float]) -> Timing:
    ratios = [mine / reference for mine, reference in zip(own, first, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Timing(1000 * statistics.median(own), middle, low, high)


def _report_peak(work: Callable[[], Callable[[], object]], sender) -> None:
    torch.set_num_threads(1)  # threads have memory of their own
    call = work()
    before = _peak_bytes()
    call()
    sender.send((_peak_bytes() - before) / 1e6)


def _peak_bytes() -> int:
    # Linux counts into ru_maxrss what the parent process had when this one was made; VmHWM is this one's alone.
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text()).group(1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
