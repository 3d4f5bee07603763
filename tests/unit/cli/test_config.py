import pytest

from tiphys.cli.config import check
from tiphys.errors import SpecError


def written(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return str(path)


CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data:
{data}
"""


def test_a_good_config_map_passes(tmp_path, capsys):
    data = "  parallelism: '3'\n  links: |\n    - {name: x}\n"
    assert check(written(tmp_path, CONFIG_MAP.format(name="workflow-controller-configmap", data=data))) == 0
    assert capsys.readouterr().out == "the configuration is good\n"


def test_every_fault_is_told_with_file_and_path(tmp_path, capsys):
    data = "  config: |\n    paralelism: 3\n    persistence: {hots: x}\n    namespaceParallelism: many\n"
    path = written(tmp_path, CONFIG_MAP.format(name="any", data=data))
    assert check(path) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: paralelism: unknown field 'paralelism', did you mean 'parallelism'?",
        f"{path}: persistence.hots: unknown field 'hots'",
        f"{path}: namespaceParallelism: Expected `int`, got `str`",
        "3 errors",
    ]


def test_settings_alone_are_checked_too(tmp_path, capsys):
    assert check(written(tmp_path, "parallelism: 3\nlinks: [{name: x}]\nnavColor: red\n")) == 0
    assert check(written(tmp_path, "parallelism: x\n")) == 1
    assert "parallelism: Expected `int`, got `str`" in capsys.readouterr().out


def test_our_own_config_map_has_settings_of_its_own(tmp_path):
    assert check(written(tmp_path, CONFIG_MAP.format(name="tiphys", data="  metricSeriesLimit: '5'"))) == 0
    assert check(written(tmp_path, CONFIG_MAP.format(name="tiphys", data="  parallelism: '5'"))) == 1


def test_a_value_that_is_no_text_is_told(tmp_path, capsys):
    assert check(written(tmp_path, CONFIG_MAP.format(name="x", data="  parallelism: 5"))) == 1
    assert "data.parallelism: the value must be text" in capsys.readouterr().out


def test_a_file_without_configuration_is_an_error(tmp_path):
    with pytest.raises(SpecError, match="no ConfigMap"):
        check(written(tmp_path, "kind: Workflow\n"))
