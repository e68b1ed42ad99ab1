"""Attacks on the channel over which the tests ask for answers."""

from tests.grading.attacks.attack import Attacks

ATTACKS = Attacks()
attack = ATTACKS.add


attack(
    "nonsense on every descriptor",
    "a test process that breaks",
    sabotage=True,
    code="import os\nfor number in range(3, 256):\n    try: os.set_blocking(number, False); os.write(number, "
    "os.urandom(10**5))\n    except OSError: pass\n",
)
attack(
    "the channel is closed",
    "a test that hangs",
    sabotage=True,
    code="import os\nfor number in range(3, 6):\n    try: os.close(number)\n    except OSError: pass\n",
)
attack(
    "the channel's end is patched",
    "answers that no function gave",
    sabotage=True,
    code="from grading import guest, wire\n"
    "guest.encode = lambda value, *a, **k: wire.encode((1, 'result', None, ()), *a, **k)\n",
)
attack(
    "a pickle for an answer",
    "code that runs where it is read",
    answer="""class Bomb:
    def __reduce__(self):
        return (__import__("os").system, ("touch /tmp/left-behind",))
def {name}(*a, **k):
    return Bomb()
""",
)
attack(
    "an iterator without end",
    "a test that never ends",
    answer="import itertools\ndef {name}(*a, **k):\n    return itertools.count()\n",
)
attack(
    "a list that holds itself",
    "a test that never ends",
    answer="def {name}(*a, **k):\n    found = []\n    found.append(found)\n    return found\n",
)
attack(
    "a shape without bounds",
    "memory of the test process",
    answer="import numpy\ndef {name}(*a, **k):\n    return numpy.broadcast_to(0.5, (2**20, 2**20))\n",
)
attack("NaN everywhere", "comparisons that NaN passes", answer="def {name}(*a, **k):\n    return float('nan')\n")
attack(
    "a million answers",
    "a test process that drowns",
    answer="import os\ndef {name}(*a, **k):\n    for _ in range(10**6):\n        os.write(3, bytes(16))\n",
)
attack(
    "an error that is a test's own",
    "a failure that looks like a pass",
    answer="def {name}(*a, **k):\n    raise StopIteration\n",
)


HAND = """import os, struct, sys
from grading import guest, wire
from grading.limits import Limits
_send, _sent = guest._Guest._send, False
def _unless_sent(self, data):
    global _sent
    if not _sent:
        _send(self, data)
    _sent = False
guest._Guest._send = _unless_sent
def _number():
    frame = sys._getframe()
    while frame.f_code.co_name != "_done":
        frame = frame.f_back
    return frame.f_locals["number"]
def _whole(data, size=None):
    global _sent
    _sent = True
    data = struct.pack(">Q", len(data) if size is None else size) + data
    while data:
        data = data[os.write(3, data):]
def _answer(value, changes=b"t" + bytes(8), what=b"result"):
    number = wire.encode(_number(), Limits())
    _whole(b"t" + struct.pack("<Q", 4) + number + _text(what) + value + changes)
def _text(text):
    return b"s" + struct.pack("<Q", len(text)) + text
def _array(*shape, tag=b"a", kind="<f8", flags=0, data=b""):
    import numpy, torch
    code = wire._NUMPY_CODES[numpy.dtype(kind)] if tag == b"a" else wire._TORCH_CODES[torch.float64]
    head = tag + struct.pack("<BBB", code, flags, len(shape) & 255)
    return head + b"".join(struct.pack("<Q", length % 2**64) for length in shape) + struct.pack("<Q", len(data)) + data
"""


def by_hand(name: str, tries: str, call: str, **parts: object) -> None:
    """Add an attack that writes bytes of its own where an answer is awaited."""
    answer = f"{HAND}def {{name}}(*a, **k):\n    {call}\n"
    attack(name, tries, answer=answer, **parts)


by_hand(
    "a right answer by hand",
    "to see that bytes written by hand arrive",
    "_answer(wire.encode(_right(*a, **k), Limits(), handle=lambda value: None))",
    code="{solution}\n_right = {name}\n",
    lost=False,
)
for _form in ("-1", "-1, -1", "2**39", "2**32, 2**32", "2**63, 2", "2**20, 2**20, 2**20", "*[1] * 200", "3"):
    by_hand(f"an array of shape {_form}, by hand", "memory of the test process", f"_answer(_array({_form}))")
by_hand("a tensor of negative shape, by hand", "memory of the test process", "_answer(_array(-1, tag=b'n'))")
by_hand("an array with steps, by hand", "memory beyond the array", "_answer(_array(2**20, flags=2, data=bytes(8)))")
by_hand(
    "truth values that are neither, by hand",
    "comparisons that go both ways",
    "_answer(_array(3, kind='?', data=b'\\x02\\x07\\xff'))",
)
by_hand("a frame without end, by hand", "memory of the test process", "_whole(b'', 2**63)")
by_hand("a frame that never comes, by hand", "a test that waits for ever", "_whole(b'x', 2**20)")
by_hand("a list of 2**62, by hand", "memory of the test process", "_answer(b'l' + struct.pack('<Q', 2**62))")
by_hand("a million nothings, by hand", "the test's time", "_answer(b'l' + struct.pack('<Q', 10**6) + b'N' * 10**6)")
by_hand("lists in lists in lists, by hand", "the stack", "_answer((b'l' + struct.pack('<Q', 1)) * 10**5 + b'N')")
by_hand("text that is none, by hand", "an error where it is read", "_answer(_text(b'\\xff\\xfe'))")
by_hand(
    "a pickle, by hand",
    "code that runs where it is read",
    "import pickle; _whole(pickle.dumps(Bomb()))",
    code="class Bomb:\n    def __reduce__(self):\n        return (os.system, ('touch /tmp/left-behind',))\n",
)
by_hand(
    "an object with a name, by hand",
    "a class of the test's",
    "_answer(b'h' + bytes(8) + struct.pack('<Q', 9) + b'__class__')",
)
by_hand("a reference to nothing, by hand", "objects of the test's", "_answer(b'R' + struct.pack('<I', 2**31))")
by_hand(
    "a change of what wasn't given, by hand",
    "objects of the test's",
    "_answer(b'N', b't' + struct.pack('<Q', 1) + wire.encode((10**6, (1, 2)), Limits()))",
)
by_hand(
    "an error that ends the process, by hand", "a test process that ends", "_answer(_text(b'x'), _text(b'x'), b'error')"
)
by_hand(
    "SystemExit, by hand",
    "a test process that ends, and is believed to have passed",
    "_whole(wire.encode((_number(), 'error', 'SystemExit', '0'), Limits()))",
)
by_hand(
    "the answer to another call, by hand",
    "answers that are mistaken",
    "_whole(wire.encode((_number() + 1, 'result', 1.0, ()), Limits()))",
)
by_hand(
    "a pause before its time, by hand",
    "a test that is believed to be over",
    "_whole(wire.encode((_number(), 'paused'), Limits()))",
)
attack(
    "a verdict on every descriptor",
    "a runner that takes it for the test process's",
    answer="""import json, os, struct
def {name}(*a, **k):
    verdict = json.dumps({"passed": True, "kind": "passed", "hidden": False, "broken": False, "calls": 1}).encode()
    for number in range(64):
        for head in (">I", ">Q", "<I"):
            try:
                os.set_blocking(number, False)
                os.write(number, struct.pack(head, len(verdict)) + verdict)
            except OSError:
                pass
    return 0.5
""",
)
attack(
    "a proxy of a proxy",
    "an object that is whatever it is asked for",
    answer="""class Anything:
    __getattr__ = lambda self, name: Anything()
    __call__ = lambda self, *a, **k: Anything()
Anything.__name__ = "ndarray"
def {name}(*a, **k):
    return Anything()
""",
)
attack(
    "a list of proxies",
    "objects where numbers are looked at one by one",
    answer="def {name}(*a, **k):\n    return [object()] * 3\n",
)
attack(
    "a graph that unfolds",
    "memory of the test process",
    answer="def {name}(*a, **k):\n    found = []\n    for _ in range(60):\n        found = [found, found]\n"
    "    return found\n",
)
attack("a million values", "the test's time", answer="def {name}(*a, **k):\n    return [0] * 10**6\n")
attack("a number of a million digits", "the test's time", answer="def {name}(*a, **k):\n    return 10**(10**6)\n")
attack(
    "NaN with a load",
    "comparisons that NaN passes, or reads",
    answer="""{solution}
_right = {name}
def _nan(value):
    import numpy, torch
    load = numpy.array([0x7FF4DEADBEEF0001], numpy.uint64).view(numpy.float64)[0]
    match value:
        case numpy.ndarray() if value.dtype.kind == "f":
            return numpy.full(value.shape, load, value.dtype)
        case torch.Tensor() if value.is_floating_point():
            return value.detach() * torch.tensor(load, dtype=value.dtype)
        case tuple() | list():
            return type(value)(_nan(each) for each in value)
        case dict():
            return {key: _nan(each) for key, each in value.items()}
    return load
def {name}(*a, **k):
    return _nan(_right(*a, **k))
""",
)
