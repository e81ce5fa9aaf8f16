"""What a confined child can no longer do, for each part that the system grants."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from chapters.course.files import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
SCRIPT = """
import json, os, socket, sys
from pathlib import Path
from chapters.course.grade.confine import Limits, enter

base = Path(sys.argv[1])
kept = [base / "hidden/kept", Path(sys.prefix), Path(sys.base_prefix)]
confined = enter([base / "hidden"], kept, base / "scratch")
reading, writing = os.pipe()
pid = confined.fork()
if pid == 0:
    confined.drop(Limits(cpu_seconds=5, processes=32), writing)
    def can(action):
        try:
            action()
        except (OSError, MemoryError):
            return False
        return True
    found = {
        "secret": can(lambda: (base / "hidden/secret").read_text()),
        "kept": can(lambda: (base / "hidden/kept/file").read_text()),
        "write": can(lambda: (base / "new").write_text("x")),
        "scratch": can(lambda: (base / "scratch/new").write_text("x")),
        "network": can(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2)),
        "large": can(lambda: (base / "scratch/large").write_bytes(bytes(20 << 20))),
        "memory": can(lambda: bytearray(4 << 30)),
        "pid": os.getpid(),
        "uid": os.getuid(),
        "environment": sorted(os.environ),
    }
    os.write(writing, json.dumps(found).encode())
    os._exit(0)
os.close(writing)
data = b""
while part := os.read(reading, 65536):
    data += part
os.waitpid(pid, 0)
print(json.dumps([sorted(confined.holds), confined.missing, json.loads(data)]))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(what holds, what is missing, what a child could do)."""
    base = Path(tmp_path_factory.mktemp("confined"))
    for name in ("hidden/kept", "scratch"):
        (base / name).mkdir(parents=True)
    for name in ("hidden/secret", "hidden/kept/file"):
        (base / name).write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = [sys.executable, "-c", SCRIPT, str(base), str(server.getsockname()[1])]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_the_system_refuses_is_named(found):
    holds, missing, _ = found
    assert sorted([*holds, *missing]) == sorted(["network", "files", "processes", "user"])


@pytest.mark.parametrize(
    "part, name, value",
    [
        ("files", "secret", False),
        ("files", "kept", True),
        ("files", "write", False),
        ("files", "scratch", True),
        ("network", "network", False),
        ("processes", "pid", 1),
        ("user", "uid", 65534),
    ],
)
def test_each_part_holds_in_the_child(found, part, name, value):
    holds, _, child = found
    if part not in holds:
        pytest.skip(f"this system refuses: {part}")
    assert child[name] == value


def test_limits_hold_everywhere(found):
    child = found[2]
    assert not child["large"] and not child["memory"]
    assert set(child["environment"]) <= {"LANG", "LC_CTYPE", "OMP_NUM_THREADS", "PATH"}
