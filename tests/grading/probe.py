"""What a test has run in a sandbox: any source, whose result comes back as JSON."""

import json
import socket
import sys
import traceback


def evaluate(source: str, names: dict, descriptor: int, *others: int) -> None:
    """Run a source and send what it left in ``result``, or the exception that ended it."""
    scope = {"others": others, **names}
    with socket.socket(fileno=descriptor) as answers:

        def tell(value):
            answers.sendall(f"{json.dumps(value)}\n".encode())  # whole, even where an interrupt comes

        scope["tell"] = tell
        try:
            exec(source, scope)
        except Exception as error:
            tell({"error": type(error).__name__, "text": str(error), "trace": traceback.format_exc()})
        else:
            tell(scope.get("result"))


if __name__ == "__main__":
    evaluate(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]))
