"""The shim itself, run as a container runs it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tiphys.model.record import Framed, Record, parse_frame, parse_message, strip_frame
from tiphys.shim import binaries

SHIM = Path(__file__).parents[3] / "operator/tiphys/shim/bin/amd64"


def shim(
    tmp_path: Path, *options: str, command: list[str], under: Sequence[str] = (), **more: object
) -> tuple[subprocess.CompletedProcess[bytes], str]:
    message = tmp_path / "message"
    done = subprocess.run(
        [*under, SHIM, "--termination", message, *options, "--", *command], capture_output=True, timeout=60, check=False, **more  # type: ignore[call-overload]
    )  # fmt: skip
    return done, message.read_text() if message.exists() else ""


def wait_for(path: Path) -> None:
    """Return when a file is there."""
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def wait_for_handlers(process: "subprocess.Popen[bytes]") -> None:
    """Return when a signal to end no longer ends it at once."""
    end, caught = time.monotonic() + 20, 0
    while not caught >> (signal.SIGTERM - 1) & 1:
        assert time.monotonic() < end
        caught = int(Path(f"/proc/{process.pid}/status").read_text().partition("SigCgt:")[2].split()[0], 16)


def record(message: str) -> Record:
    found = parse_message(message)
    assert isinstance(found, Record), message
    return found


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_it_ends_with_the_code_of_the_command(tmp_path, code):
    done, message = shim(tmp_path, command=["sh", "-c", f"exit {code}"])
    assert done.returncode == code
    assert record(message).exit_code == code


def test_a_command_that_does_not_exist_is_127_and_named(tmp_path):
    done, message = shim(tmp_path, command=["no-such-command"])
    assert done.returncode == 127
    assert b"cannot run no-such-command" in done.stderr
    assert record(message).exit_code == 127


def test_standard_output_is_copied_through_and_kept_but_not_standard_error(tmp_path):
    done, message = shim(tmp_path, "--result", command=["sh", "-c", "echo out; echo err >&2"])
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")
    assert record(message).result == "out"


def test_only_one_trailing_newline_goes(tmp_path):
    _, message = shim(tmp_path, "--result", command=["printf", "a\\n\\n"])
    assert record(message).result == "a\n"


def test_binary_output_passes_byte_by_byte_and_is_recorded_as_text(tmp_path):
    done, message = shim(tmp_path, "--result", command=["printf", "a\\377\\001\"\\\\é"])
    assert done.stdout == b"a\xff\x01\"\\\xc3\xa9"
    assert record(message).result == "a\ufffd\x01\"\\é"


def test_parameters_are_read_from_files_defaults_fill_in_and_the_rest_is_missing(tmp_path):
    a = tmp_path / "a"
    options = ["--parameter", f"a={a}", "--parameter", f"b={tmp_path}/none", "--default", "b=x=y", "--parameter", f"c={tmp_path}/none"]
    _, message = shim(tmp_path, *options, command=["sh", "-c", f"echo v > {a}"])
    found = record(message)
    assert found.parameters == {"a": "v", "b": "x=y"}
    assert found.missing == ("c",)


def test_files_are_read_though_the_command_failed(tmp_path):
    a = tmp_path / "a"
    done, message = shim(tmp_path, "--parameter", f"a={a}", command=["sh", "-c", f"echo v > {a}; exit 2"])
    assert (done.returncode, record(message).parameters) == (2, {"a": "v"})


def test_a_file_that_is_too_big_and_a_folder_are_told(tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"x" * (256 * 1024 + 1))
    _, message = shim(tmp_path, "--parameter", f"big={big}", "--parameter", f"dir={tmp_path}", command=["true"])
    assert (record(message).too_big, record(message).missing) == (("big",), ("dir",))


@pytest.mark.parametrize("size", [4000, 4050, 4096, 5000, 100_000, 262_144, 400_000])
def test_a_record_over_four_kibibytes_is_framed_in_the_log(tmp_path, size):
    done, message = shim(tmp_path, "--result", command=["sh", "-c", f"head -c {size} /dev/zero | tr '\\0' x"])
    assert len(message) <= 4096
    found = parse_message(message)
    assert isinstance(found, Framed) is (size > 4080)
    if isinstance(found, Framed):
        found = parse_frame(done.stdout[-found.tail_bytes :], found)
    assert found is not None
    assert found.result == "x" * min(size, 262_144)
    assert strip_frame(done.stdout) == b"x" * size


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT])
def test_signals_reach_the_command_and_what_it_wrote_is_recorded(tmp_path, number):
    message, ready = tmp_path / "message", tmp_path / "ready"
    script = f"trap 'echo caught; exit 9' {number.name.removeprefix('SIG')}; echo before; touch {ready}; while :; do sleep 0.05; done"
    process = subprocess.Popen([SHIM, "--termination", message, "--result", "--", "sh", "-c", script], stdout=subprocess.PIPE)
    wait_for(ready)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 9
    assert output == b"before\ncaught\n"
    assert record(message.read_text()).result == "before\ncaught"


def test_a_command_that_a_signal_ends_is_128_and_the_signal(tmp_path):
    done, _ = shim(tmp_path, command=["sh", "-c", "kill -KILL $$"])
    assert done.returncode == 137


def test_a_grandchild_that_holds_the_output_open_does_not_hold_the_step(tmp_path):
    number = tmp_path / "number"
    script = f"sleep 600 > /dev/stdout 2> /dev/null & echo $! > {number}; echo done"
    # its time limit of a minute is the assertion
    done, message = shim(tmp_path, "--result", command=["sh", "-c", script])
    os.kill(int(number.read_text()), signal.SIGKILL)
    assert done.returncode == 0
    assert record(message).result == "done"


def test_a_grandchild_that_writes_for_ever_does_not_hold_the_step(tmp_path):
    message = tmp_path / "message"
    process = subprocess.Popen(
        [SHIM, "--termination", message, "--result", "--", "sh", "-c", "yes & exit 0"], stdout=subprocess.PIPE)  # fmt: skip
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.startswith(b"y\n") or output == b""


def test_files_that_grow_the_record_too_far_are_told(tmp_path):
    options = []
    for i in range(4):
        (tmp_path / f"p{i}").write_bytes(b"\xff" * 262_144)
        options += ["--parameter", f"p{i}={tmp_path}/p{i}"]
    done, message = shim(tmp_path, *options, command=["true"])
    found = parse_message(message)
    assert isinstance(found, Framed)
    assert parse_frame(done.stdout, found).too_big == ("p2", "p3")


def test_orphans_are_reaped(tmp_path):
    script = "(sleep 0.1 &) ; (sleep 0.1 &); sleep 0.5; ps -o stat= --ppid $PPID 2>/dev/null | grep -c Z"
    done, _ = shim(tmp_path, command=["sh", "-c", script])
    assert done.stdout.strip() in (b"0", b"")


def test_it_works_as_any_user_when_only_the_message_can_be_written(tmp_path):
    message = tmp_path / "message"
    message.touch(mode=0o666)
    message.chmod(0o666)
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    program = tmp_path / "shim"
    program.write_bytes(binaries()["amd64"])
    program.chmod(0o755)
    done = subprocess.run([program, "--termination", message, "--result", "--", "id", "-u"], user=12345, capture_output=True, check=True)
    assert done.stdout == b"12345\n"
    assert json.loads(message.read_text())["result"] == "12345"


def test_a_hundred_megabytes_pass_with_little_memory(tmp_path):
    done, message = shim(tmp_path, "--result", command=["sh", "-c", "head -c 100000000 /dev/zero"], under=["prlimit", f"--data={32 * 2**20}"])
    assert len(strip_frame(done.stdout)) == 100_000_000
    assert isinstance(parse_message(message), Framed)


def test_it_copies_itself(tmp_path):
    target = tmp_path / "copied"
    subprocess.run([SHIM, "copy", target], check=True)
    assert target.read_bytes() == SHIM.read_bytes()
    assert os.access(target, os.X_OK)


@pytest.mark.parametrize(("architecture", "machine"), [("amd64", 0x3E), ("arm64", 0xB7)])
def test_each_architecture_has_a_small_static_program(architecture, machine):
    program = binaries()[architecture]
    assert len(program) < 64 * 1024
    assert program[:4] == b"\x7fELF"
    assert int.from_bytes(program[18:20], "little") == machine
    assert b"/ld-musl" not in program


def test_a_command_that_ends_by_itself_is_held_until_the_shim_is_told_to_end(tmp_path):
    message = tmp_path / "message"
    process = subprocess.Popen([SHIM, "--hold", "--termination", message, "--", "sh", "-c", "exit 3"])
    end = time.monotonic() + 10
    while not (message.exists() and message.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.3)
    assert process.poll() is None
    found = record(message.read_text())
    assert (found.exit_code, found.is_held) == (3, True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 3


def test_a_command_that_is_told_to_end_is_not_held(tmp_path):
    message, ready = tmp_path / "message", tmp_path / "ready"
    script = f"trap 'exit 4' TERM; touch {ready}; while :; do sleep 0.05; done"
    process = subprocess.Popen([SHIM, "--hold", "--termination", message, "--", "sh", "-c", script])
    wait_for(ready)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 4
    found = record(message.read_text())
    assert (found.exit_code, found.is_held) == (4, False)


def test_an_alarm_is_the_commands_own_business_where_no_time_is_set(tmp_path):
    ready = tmp_path / "ready"
    script = f"trap 'exit 6' ALRM; trap : TERM; touch {ready}; while :; do sleep 0.05; done"
    process = subprocess.Popen([SHIM, "--termination", tmp_path / "message", "--", "sh", "-c", script])
    wait_for(ready)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGALRM)
    assert process.wait(60) == 6


def ordered(tmp_path: Path, name: str, *options: str, command: list[str]) -> "subprocess.Popen[bytes]":
    folder = tmp_path / "order"
    words = [SHIM, "--termination", tmp_path / name, "--order", f"{name}={folder}", *options, "--", *command]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_container_waits_until_those_it_depends_on_have_ended_well(tmp_path):
    trace = tmp_path / "trace"
    last = ordered(tmp_path, "c", "--after", "a", "--after", "b", command=["sh", "-c", f"echo c >> {trace}"])
    middle = ordered(tmp_path, "b", "--after", "a", command=["sh", "-c", f"sleep 0.3; echo b >> {trace}"])
    time.sleep(0.3)
    first = ordered(tmp_path, "a", command=["sh", "-c", f"sleep 0.3; echo a >> {trace}"])
    assert [one.wait(20) for one in (first, middle, last)] == [0, 0, 0]
    assert trace.read_text().split() == ["a", "b", "c"]


def test_a_failed_dependency_ends_its_dependants_with_its_code(tmp_path):
    ran = tmp_path / "ran"
    second = ordered(tmp_path, "b", "--after", "a", command=["touch", str(ran)])
    third = ordered(tmp_path, "c", "--after", "b", command=["touch", str(ran)])
    first = ordered(tmp_path, "a", command=["sh", "-c", "exit 3"])
    assert [one.wait(20) for one in (first, second, third)] == [3, 3, 3]
    assert (tmp_path / "b").read_text() == 'dependency "a" exited with non-zero code: 3'
    assert (tmp_path / "c").read_text() == 'dependency "b" exited with non-zero code: 3'
    assert not ran.exists()


def test_a_dependency_that_is_killed_without_a_word_keeps_nobody_waiting(tmp_path):
    ready = tmp_path / "ready"
    first = ordered(tmp_path, "a", command=["sh", "-c", f"touch {ready}; exec sleep 60"])
    second = ordered(tmp_path, "b", "--after", "a", command=["true"])
    wait_for(ready)
    first.kill()
    first.wait(60)
    assert second.wait(20) == 137
    assert (tmp_path / "b").read_text() == 'dependency "a" exited with non-zero code: 137'


def test_a_container_told_to_end_before_its_turn_ends_at_once(tmp_path):
    second = ordered(tmp_path, "b", "--after", "a", command=["true"])
    wait_for_handlers(second)
    time.sleep(0.3)
    assert second.poll() is None
    second.send_signal(signal.SIGTERM)
    assert second.wait(60) == 143


def test_a_command_is_retried_and_only_the_last_output_counts(tmp_path):
    count = tmp_path / "count"
    script = f"echo x >> {count}; wc -l < {count} | tr -d ' '; test $(wc -l < {count}) -ge 3"
    done = ordered(tmp_path, "a", "--retry", "4=100", "--result", command=["sh", "-c", script])
    assert done.wait(20) == 0
    assert record((tmp_path / "a").read_text()).result == "3"
    again = ordered(tmp_path, "z", "--retry", "2=100", command=["sh", "-c", f"echo x >> {count}; exit 7"])
    assert again.wait(20) == 7
    assert len(count.read_text().split()) == 5


def test_a_command_that_is_told_to_end_is_not_retried(tmp_path):
    count = tmp_path / "count"
    done = ordered(tmp_path, "a", "--retry", "9=100", command=["sh", "-c", f"echo x >> {count}; exec sleep 60"])
    wait_for(count)
    done.send_signal(signal.SIGTERM)
    assert done.wait(20) == 143
    assert len(count.read_text().split()) == 1


def test_a_command_waits_for_the_file_before_it_and_the_record_for_the_file_after_it(tmp_path):
    before, after, message, ran = tmp_path / "ctr/main/before", tmp_path / "ctr/main/after", tmp_path / "message", tmp_path / "ran"
    process = subprocess.Popen([SHIM, "--pause-before", before, "--pause-after", after, "--termination", message, "--", "touch", ran], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    assert before.parent.is_dir()
    assert not ran.exists()
    before.touch()
    wait_for(ran)
    time.sleep(0.3)
    assert process.poll() is None
    after.touch()
    assert process.wait(60) == 0
    assert record(message.read_text()).exit_code == 0


def test_a_paused_command_that_is_told_to_end_never_starts(tmp_path):
    ran = tmp_path / "ran"
    process = subprocess.Popen([SHIM, "--pause-before", tmp_path / "never", "--termination", tmp_path / "message", "--", "touch", ran], stderr=subprocess.DEVNULL)
    wait_for_handlers(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert not ran.exists()


def test_progress_is_printed_when_it_changes_and_its_last_word_is_the_message(tmp_path):
    file, message = tmp_path / "progress", tmp_path / "message"
    with subprocess.Popen([SHIM, "progress", file, "5", message], stdout=subprocess.PIPE) as process:
        file.write_text("1/3\n")
        assert process.stdout.readline() == b"1/3\n"
        file.write_text("1/3\nnonsense\n4/3\n2/0\n-1/3\n2/3 \r\n\n")
        assert process.stdout.readline() == b"2/3\n"
        file.write_text("x" * 9000 + "\n3/3")
        assert process.stdout.readline() == b"3/3\n"
        process.terminate()
        assert process.stdout.read() == b""
        assert process.wait(timeout=60) == 0
    assert message.read_text() == "3/3"
