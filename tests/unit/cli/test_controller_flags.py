"""The flags of Argo's own manifests start our controller."""

from typing import Any

import pytest

from tiphys.cli import controller as command
from tiphys.cli.app import run
from tiphys.cluster.choice import Choice
from tiphys.controller.options import Options


def started(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Options:
    found: list[Options] = []

    def take(options: Options) -> int:
        found.append(options)
        return 0

    monkeypatch.setattr(command, "run_controller", take)
    monkeypatch.setattr(command, "set_up_logs", lambda *_: None)
    assert run(["controller", *arguments]) == 0
    return found[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--executor-image", "x:1"], {"executor_image": "x:1"}),
        (["--executor-image-pull-policy=Always"], {"executor_image_pull_policy": "Always"}),
        (["--configmap", "other"], {"config_map": "other"}),
        (["--managed-namespace", "team"], {"namespace": "team"}),
        (["--loglevel", "debug", "--log-format", "json"], {"log_level": "debug", "log_format": "json"}),
        (["--instance-id", "two"], {"instance_id": "two"}),
        (["--metrics-port", "0", "--health-port", "7"], {"metrics_port": 0, "health_port": 7}),
        (["--context", "c", "--user=u", "--insecure-skip-tls-verify"], {"choice": Choice(context="c", user="u", is_insecure=True)}),
        (["--share"], {"shares": True}),
        ([], {"namespace": "", "shares": False, "config_map": "workflow-controller-configmap"}),
    ],
)
def test_flags_reach_the_controller(monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: dict[str, Any]) -> None:
    options = started(monkeypatch, *arguments)
    assert {name: getattr(options, name) for name in expected} == expected


def test_a_controller_acts_for_nobody_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["controller", "--as", "jo"]) == 1
    assert "the controller acts for itself" in capsys.readouterr().err


def test_flags_that_tune_nothing_here_are_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    started(monkeypatch, "--workflow-workers", "32", "--qps", "20", "--burst=30", "--executor-plugins")
    told = [record.getMessage() for record in caplog.records]
    assert "--workflow-workers has no effect: one loop does all the work" in told
    assert "--qps has no effect: requests are as many as the API server takes" in told
    assert len([text for text in told if "no effect" in text and text.startswith("--")]) == 4
    assert "--executor-plugins has no effect: plugins are known by their ConfigMaps" in told


def test_an_unknown_flag_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as ended:
        started(monkeypatch, "--no-such-flag", "1")
    assert ended.value.code != 0
