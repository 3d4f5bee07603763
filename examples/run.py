"""Runs one workflow against the current cluster with a controller of its own, and shows the finished tree with its logs."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIPHYS = [sys.executable, "-m", "tiphys"]


def main() -> int:
    """Start a controller, submit, show, end the controller; the workflow's exit code."""
    with tempfile.NamedTemporaryFile() as log:
        controller = subprocess.Popen([*TIPHYS, "controller", "--metrics-port", "0", "--health-port", "0"], stdout=log, stderr=log)
        try:
            while b"runs are restored" not in Path(log.name).read_bytes():
                if controller.poll() is not None:
                    print(Path(log.name).read_text(), file=sys.stderr)
                    return 1
                time.sleep(0.1)
            code = subprocess.run([*TIPHYS, "submit", sys.argv[1], "--watch"], check=False).returncode
            subprocess.run([*TIPHYS, "logs", "@latest"], check=False)
            return code
        finally:
            controller.terminate()
            controller.wait(30)


if __name__ == "__main__":
    sys.exit(main())
