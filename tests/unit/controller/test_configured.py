import asyncio

import msgspec
import pytest

from tiphys.controller.circumstances import pod_settings_of, premises_of
from tiphys.controller.configured import ConfigMap, Configured
from tiphys.engine.library import Library
from tiphys.errors import NotFound, SpecError
from tiphys.model.base import ObjectMeta
from tiphys.pods.settings import ImageEntry, PodSettings
from tiphys.settings import Environment, OwnConfiguration, parse_configuration
from tiphys.telemetry.metrics import ControllerMetrics


class Shelf:
    """ConfigMaps by name."""

    def __init__(self, **texts):
        self.texts = texts

    async def read(self, _kind, namespace, name):
        if name not in self.texts:
            raise NotFound(name)
        return msgspec.json.encode({"metadata": {"name": name, "namespace": namespace}, "data": self.texts[name]})


class Told:
    def __init__(self):
        self.reasons = []

    def announce(self, regarding, *, type_, reason, message, **_more):
        self.reasons.append((regarding["name"], type_, reason, message))


def made():
    told, metrics = Told(), ControllerMetrics()
    return Configured("argo", "ns", told, metrics), told, metrics


def edit(name, version="1", **data):
    return ConfigMap(ObjectMeta(name=name, namespace="ns", uid="u", resource_version=version), data)


def test_both_config_maps_are_read_at_the_start():
    configured, _, _ = made()
    asyncio.run(configured.read(Shelf(argo={"parallelism": "3"}, tiphys={"metricSeriesLimit": "7"})))
    assert (configured.argo.parallelism, configured.own.metric_series_limit) == (3, 7)


def test_no_config_maps_leave_the_defaults():
    configured, _, _ = made()
    asyncio.run(configured.read(Shelf()))
    assert configured.argo == parse_configuration({})


def test_a_bad_configuration_at_the_start_is_an_error_that_names_it():
    configured, _, _ = made()
    with pytest.raises(SpecError, match="ConfigMap ns/argo: paralelism: unknown field 'paralelism', did you mean 'parallelism'"):
        asyncio.run(configured.read(Shelf(argo={"paralelism": "3"})))


def test_an_edit_is_in_force_at_once():
    configured, told, _ = made()
    seen = []
    configured.subscribe(lambda argo, own: seen.append((argo.parallelism, own.metric_series_limit)))
    configured.heard("", edit("argo", parallelism="3"))
    configured.heard("", edit("tiphys", metricSeriesLimit="5"))
    assert seen == [(0, 1000), (3, 1000), (3, 5)]
    assert told.reasons[0][:3] == ("argo", "Normal", "ConfigurationApplied")


def test_a_bad_edit_keeps_the_last_good_one_and_is_told_once():
    configured, told, metrics = made()
    seen = []
    configured.heard("", edit("argo", parallelism="3"))
    configured.subscribe(lambda argo, _: seen.append(argo.parallelism))
    configured.heard("", edit("argo", parallelism="many"))
    configured.heard("", edit("argo", parallelism="many"))
    assert configured.argo.parallelism == 3
    assert seen == [3]
    rejected = [entry for entry in told.reasons if entry[2] == "ConfigurationRejected"]
    assert len(rejected) == 1
    assert rejected[0][1] == "Warning"
    assert "parallelism: Expected `int`, got `str`; the last good configuration stays in force" in rejected[0][3]
    assert b'tiphys_configuration_valid{config_map="argo"} 0.0' in metrics.text()
    configured.heard("", edit("argo", parallelism="4"))
    assert seen == [3, 4]
    assert b'tiphys_configuration_valid{config_map="argo"} 1.0' in metrics.text()


def test_going_back_to_the_good_configuration_after_a_bad_edit_says_so():
    configured, told, metrics = made()
    configured.heard("", edit("argo", parallelism="3"))
    configured.heard("", edit("argo", parallelism="many"))
    configured.heard("", edit("argo", parallelism="3"))
    assert told.reasons[-1][2] == "ConfigurationApplied"
    assert b'tiphys_configuration_valid{config_map="argo"} 1.0' in metrics.text()


def test_a_deleted_config_map_leaves_the_defaults():
    configured, _, _ = made()
    configured.heard("", edit("argo", parallelism="3"))
    configured.gone("", edit("argo", parallelism="3"))
    assert configured.argo.parallelism == 0


def test_other_config_maps_are_nothing_to_us():
    configured, told, _ = made()
    configured.heard("", edit("other", parallelism="3"))
    assert not told.reasons


def test_the_configuration_reaches_the_pods():
    argo = parse_configuration({
        "mainContainer": "{imagePullPolicy: Always}", "executor": "{imagePullPolicy: Never, resources: {limits: {cpu: 1}}}",
        "images": "{a: {entrypoint: [x], cmd: [y]}}", "podGCDeleteDelayDuration": "90s"})  # fmt: skip
    made_of = pod_settings_of(PodSettings(instance_id="i"), argo, OwnConfiguration())
    assert made_of.main_container == {"imagePullPolicy": "Always"}
    assert made_of.executor == {"resources": {"limits": {"cpu": 1}}}
    assert made_of.image_pull_policy == "Never"
    assert made_of.images == {"a": ImageEntry(("x",), ("y",))}
    assert made_of.instance_id == "i"
    assert made_of.pod_gc_delay == "90s"


def test_the_configuration_reaches_the_runs():
    argo = parse_configuration({"workflowDefaults": "spec: {parallelism: 3}", "workflowRestrictions": "templateReferencing: Strict",
                                "podGCDeleteDelayDuration": "1m"})  # fmt: skip
    premises = premises_of(argo, Environment(workflow_user_override_allowlist=("nodeSelector",)), Library())
    assert premises.defaults.spec.parallelism == 3
    assert (premises.referencing, premises.overrides, premises.pod_gc_delay_seconds) == ("Strict", ("nodeSelector",), 60.0)
