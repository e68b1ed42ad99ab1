"""Attacks on the machine: what there is of it, and who else is on it."""

from tests.grading.attacks.attack import Attacks

ATTACKS = Attacks()
attack = ATTACKS.add


attack("a fork bomb", "all processes", code="import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n")
attack(
    "threads without end",
    "all threads",
    sabotage=True,
    code="import threading, time\ntry:\n    while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True)"
    ".start()\nexcept RuntimeError: pass\n",
)
attack("all memory", "the machine's memory", code="found = []\nwhile True: found.append(bytearray(2**24))\n")
attack(
    "all memory by many",
    "the machine's memory, shared out",
    code="import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
    "        found = [bytes(1) * 2**28 for _ in range(4)]\n        time.sleep(1000)\n",
)
attack(
    "all of the disk",
    "temporary files without end",
    code="import os\ntry:\n    for number in range(10**6):\n        with open(f'/tmp/{number}', 'wb') as file:\n"
    "            file.write(bytes(2**22))\nexcept OSError: pass\n",
)
attack("one line of output", "the grader's memory", code="print('x' * 10**8)\n")
attack("many lines of output", "the grader's memory", code="for _ in range(10**6): print('x' * 100)\n")
attack(
    "output during calls",
    "the grader's memory",
    answer="def {name}(*a, **k):\n    print('x' * 10**7)\n    return 0.5\n",
)
attack(
    "a daemon",
    "something that outlives the kernel",
    code="import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(1000)', 'left-behind-daemon'])\n"
    "    os._exit(0)\n",
)
attack(
    "the gradebook is looked for",
    "points written into the database",
    answer="""import os, sqlite3
def {name}(*a, **k):
    for folder, _, files in os.walk("/"):
        if folder.startswith(("/proc", "/sys")):
            continue
        if "gradebook.db" in files and "nbgrader/tests" not in folder:  # nbgrader's package has one of its own
            with sqlite3.connect(os.path.join(folder, "gradebook.db")) as base:
                base.execute("UPDATE grade SET manual_score = 1000")
            raise RuntimeError("found the gradebook in " + folder)
    return 0.5
""",
)
attack(
    "other processes",
    "what they are called, hold, see and have open",
    answer="""import os
def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
def _listed(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
def {name}(*a, **k):
    for number in filter(str.isdecimal, os.listdir("/proc")):
        if int(number) == os.getpid():
            continue
        place = f"/proc/{number}"
        if b"python" in _read(f"{place}/cmdline") or _read(f"{place}/environ") not in (b"", b"PWD=/\\0"):
            raise RuntimeError(f"found {number}")
        if _listed(f"{place}/root") not in ([], _listed("/")) or _listed(f"{place}/cwd") not in ([], _listed("/")):
            raise RuntimeError(f"found what {number} sees")
        for each in _listed(f"{place}/fd"):
            if os.readlink(f"{place}/fd/{each}").startswith("/") and os.path.exists(f"{place}/fd/{each}"):
                raise RuntimeError(f"found what {number} has open: " + os.readlink(f"{place}/fd/{each}"))
    return 0.5
""",
)
attack(
    "descriptors that were left open",
    "files of the host that the process was born with",
    answer="""import os
def {name}(*a, **k):
    for number in os.listdir("/proc/self/fd"):
        try:
            place = os.readlink(f"/proc/self/fd/{number}")
        except OSError:
            continue
        if place.startswith("/") and not place.startswith(("/dev/null", "/proc/", "/tmp/")):
            raise RuntimeError("found " + place)
    return 0.5
""",
)
attack(
    "secrets in the memory of the process",
    "the seed and the tests, from before the process was forked",
    answer="""import re
def _held():
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            where, rights, *_ = line.split()
            first, last = (int(end, 16) for end in where.split("-"))
            if rights.startswith("rw"):
                try:
                    memory.seek(first)
                    yield memory.read(min(last - first, 2**26))
                except (OSError, OverflowError, ValueError):
                    pass
def {name}(*a, **k):
    for held in _held():
        secret = re.search(b"ATTNLIB_COURSE_[S]EED=|### BEGIN [H]IDDEN TESTS", held)
        if secret:
            raise RuntimeError("found " + secret[0].decode())
    return 0.5
""",
)
attack(
    "the shell",
    "a file on the host",
    code="!touch /tmp/left-behind ~/left-behind\nget_ipython().system('kill -9 -1; touch /tmp/left-behind')\n",
)
