from datetime import timedelta
from textwrap import dedent

import pytest

from tiphys.errors import SpecError
from tiphys.settings import parse_configuration, parse_own_configuration

EVERYTHING = """
instanceID: 7
namespace: argo
parallelism: 10
namespaceParallelism: 4
resourceRateLimit: {limit: 10, burst: 1}
nodeEvents: {enabled: false, sendAsPod: true}
workflowEvents: {enabled: false}
executor: {imagePullPolicy: IfNotPresent, env: [{name: TOKEN, value: hidden-in-env}]}
mainContainer: {imagePullPolicy: IfNotPresent}
kubeConfig: {secretName: k, secretKey: c, volumeName: v, mountPath: /k}
artifactRepository:
  archiveLogs: true
  s3: {bucket: b, endpoint: "minio:9000", insecure: true, accessKeySecret: {name: s, key: a}, keyFormat: "x/{{workflow.name}}"}
artifactDrivers: [{name: mine, image: drivers/mine}]
metricsConfig:
  metricsTTL: 10m
  secure: false
  temporality: Delta
  modifiers: {pod_missing: {disabled: true}, k8s_request_duration: {disabledAttributes: [kind], histogramBuckets: [1, 2.5]}}
telemetryConfig: {enabled: false}
persistence:
  archive: true
  archiveTTL: 180d
  archiveLabelSelector: {matchLabels: {keep: "yes"}}
  clusterName: east
  nodeStatusOffLoad: true
  skipMigration: true
  connectionPool: {maxIdleConns: 100, maxOpenConns: 0, connMaxLifetime: 0s}
  reconnectionConfig: {maxRetries: 2}
  postgresql:
    host: db
    database: argo
    tableName: argo_workflows
    userNameSecret: {name: pg, key: username}
    passwordSecret: {name: pg, key: password}
    ssl: true
    sslMode: require
    azureToken: {enabled: true, scope: x}
    awsRDSToken: {enabled: true}
workflowDefaults:
  metadata: {labels: {team: a}}
  spec: {ttlStrategy: {secondsAfterSuccess: 5}, parallelism: 3}
workflowRestrictions: {templateReferencing: Secure}
links: [{name: Logs, scope: pod-logs, url: "http://l/${metadata.name}", target: _blank}]
columns: [{name: Team, type: label, key: team}]
navColor: red
images: {"argoproj/argosay:v2": {entrypoint: [/argosay], cmd: [echo]}}
initialDelay: 5s
podSpecLogStrategy: {failedPod: true}
podGCGracePeriodSeconds: 60
podGCDeleteDelayDuration: 1m30s
retentionPolicy: {completed: 10, failed: 3, errored: 2}
synchronization:
  enableAPI: true
  controllerName: c
  semaphoreLimitCacheSeconds: 10
  mysql: {host: m, options: {tls: "true"}}
sso:
  issuer: https://issuer
  clientId: {name: sso, key: id}
  clientSecret: {name: sso, key: secret}
  redirectUrl: https://argo/oauth2/callback
  scopes: [groups]
  sessionExpiry: 24h
  rbac: {enabled: true}
  rootCA: "pem"
failedPodRestart: {enabled: true, maxRestarts: 5}
disableAgentPodCreation: true
initlessPod: {enabled: true}
"""


def test_every_key_of_argo_is_read():
    read = parse_configuration({"config": EVERYTHING})
    assert (read.instance_id, read.parallelism, read.namespace_parallelism) == ("7", 10, 4)
    assert read.metrics_config.metrics_ttl == timedelta(minutes=10)
    assert read.metrics_config.modifiers["k8s_request_duration"].histogram_buckets == (1, 2.5)
    assert read.persistence.archive_ttl == timedelta(days=180)
    assert read.persistence.postgresql.password_secret.key == "password"
    assert read.persistence.postgresql.aws_rds_token.enabled
    assert read.synchronization.semaphore_limit_cache_seconds == 10
    assert read.workflow_defaults.spec.ttl_strategy.seconds_after_success == 5
    assert read.images["argoproj/argosay:v2"].cmd == ("echo",)
    assert read.pod_gc_delete_delay_duration == timedelta(seconds=90)
    assert read.sso.session_expiry == timedelta(hours=24)
    assert read.artifact_repository.s3.access_key_secret.name == "s"
    untouched = {name for name in read.__struct_fields__ if getattr(read, name) == getattr(type(read)(), name)}
    assert not untouched


def test_one_key_for_each_setting_reads_the_same_as_one_key_for_all():
    parts, name = {}, ""
    for line in EVERYTHING.strip().splitlines():
        if line[0] == " ":
            parts[name] += line + "\n"
        else:
            name, _, rest = line.partition(":")
            parts[name] = rest.strip() + "\n"
    parts = {key: dedent(text.lstrip("\n")) for key, text in parts.items()}
    assert parse_configuration(parts) == parse_configuration({"config": EVERYTHING})


def test_nothing_said_means_the_defaults():
    read = parse_configuration({})
    assert read.metrics_config.secure
    assert read.metrics_config.port == 9090
    assert read.node_events.enabled
    assert read.pod_gc_delete_delay_duration == timedelta(seconds=5)
    assert parse_configuration({"config": ""}) == read


@pytest.mark.parametrize(
    ("entries", "want"),
    [
        ({"config": "paralelism: 3"}, "paralelism: unknown field 'paralelism', did you mean 'parallelism'?"),
        ({"parallelism": "many"}, "parallelism: Expected `int`, got `str`"),
        ({"persistence": "postgresql: {hots: x}"}, "persistence.postgresql.hots: unknown field 'hots', did you mean 'host'?"),
        ({"persistence": "archiveTTL: soon"}, "persistence.archiveTTL: not a duration: 'soon'"),
        ({"workflowDefaults": "spec: {paralelism: 3}"}, "workflowDefaults.spec.paralelism: unknown field"),
        ({"links": "[{name: a}, {nam: b}]"}, "links[1].nam: unknown field 'nam', did you mean 'name'?"),
        ({"workflowRestrictions": "templateReferencing: strict"}, "workflowRestrictions.templateReferencing: Invalid enum value 'strict'"),
        ({"config": "parallelism: 1\nparallelism: 2"}, "config: no YAML: 'parallelism' is said twice"),
        ({"config": "parallelism: ["}, "config: no YAML: "),
        ({"config": "parallelism: 1", "links": "[]"}, "config: beside the key 'config' no other is allowed, found links"),
        ({"config": "- a\n- b"}, "Expected `object`, got `array`"),
        ({"semaphoreLimitCacheSeconds": "3"}, "semaphoreLimitCacheSeconds: unknown field"),
        ({"config": "a: " + "[" * 5000}, "config: no YAML"),
        ({"images": "a: b"}, "images[...]: Expected `object`, got `str`"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_what_cannot_be_read_is_named_by_its_path(entries, want):
    with pytest.raises(SpecError) as told:
        parse_configuration(entries)
    assert want in str(told.value)


def test_settings_show_no_values():
    read = parse_configuration({"config": EVERYTHING})
    shown = repr(read) + repr(read.persistence) + repr(read.persistence.postgresql) + repr(read.synchronization)
    assert "hidden-in-env" not in shown
    assert "username" not in shown
    assert "executor" in shown


def test_our_own_settings_are_read_in_the_same_way():
    assert parse_own_configuration({"metricSeriesLimit": "5"}).metric_series_limit == 5
    with pytest.raises(SpecError, match="metricSerieslimit: unknown field"):
        parse_own_configuration({"config": "metricSerieslimit: 5"})
