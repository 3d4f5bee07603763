"""Data templates: what is made of a list, and the pod that lists."""

import json

import pytest
from tests.unit.pods.test_build import plan

from tiphys.errors import SpecError
from tiphys.executor.data import transformed
from tiphys.model.template import TransformationStep

S3 = {"s3": {"endpoint": "minio:9000", "bucket": "b", "key": "in/", "accessKeySecret": {"name": "cred", "key": "a"}}}


def steps(*expressions: str) -> tuple[TransformationStep, ...]:
    return tuple(TransformationStep(expression=expression) for expression in expressions)


def test_each_expression_gets_what_the_one_before_made():
    names = ["a.pdf", "b.txt", "c.pdf"]
    assert transformed(names, steps("filter(data, {# endsWith '.pdf'})", "map(data, {# + '!'})")) == ["a.pdf!", "c.pdf!"]
    assert transformed(names, ()) == names


def test_the_pod_of_a_data_template_lists_with_the_stores_secrets_as_files():
    data = {"source": {"artifactPaths": {"name": "x", **S3}}, "transformation": [{"expression": "data"}]}
    made = plan({"data": data}, wants_result=True).pod
    main = made["spec"]["containers"][0]
    assert main["command"][-4:] == ["--", "tiphys", "executor", "data"]
    assert "--result" in main["command"]
    told = json.loads(made["metadata"]["annotations"]["tiphys.io/data-template"])
    assert told["data"]["source"]["artifactPaths"]["s3"]["bucket"] == "b"
    assert any(mount["mountPath"].endswith("/cred") for mount in main["volumeMounts"])
    assert made["spec"]["automountServiceAccountToken"] is False


def test_a_data_template_needs_a_source():
    with pytest.raises(SpecError, match=r"data\.source\.artifactPaths is required"):
        plan({"data": {"transformation": [{"expression": "data"}]}})
