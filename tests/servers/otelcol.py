"""OpenTelemetry's collector, built from its Go modules: what it hears by OTLP over gRPC is written to a file."""

import json
import pathlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from tests.servers.process import free_port, running

BUILD = pathlib.Path(__file__).parents[1] / "e2e/cluster/tools/build"


class Told(msgspec.Struct, frozen=True):
    """A span; times in seconds since 1970, attributes as texts."""

    name: str
    trace: str
    id: str
    parent: str
    times: tuple[float, float]
    attributes: dict[str, str]


class Collector:
    def __init__(self, file: pathlib.Path, port: int) -> None:
        self.file, self.endpoint = file, f"http://127.0.0.1:{port}"

    def spans(self) -> list[Told]:
        """Every span that has been written, in order."""
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [_told(span) for line in lines for one in json.loads(line)["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]


def _told(span: dict[str, Any]) -> Told:
    times = int(span["startTimeUnixNano"]) / 1e9, int(span["endTimeUnixNano"]) / 1e9
    attributes = {one["key"]: str(next(iter(one["value"].values()))) for one in span.get("attributes", ())}
    return Told(span["name"], span["traceId"], span["spanId"], span.get("parentSpanId", ""), times, attributes)


@contextmanager
def otelcol(folder: pathlib.Path) -> Iterator[Collector]:
    """A collector on a port of its own; built when it is not there, which takes a minute or two."""
    subprocess.run([BUILD, "otelcol"], check=True)
    port, written = free_port(), folder / "spans.json"
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {"file": {"path": str(written), "flush_interval": "100ms"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
        },
    }
    (folder / "otelcol.yaml").write_text(json.dumps(config))
    with running(["otelcol", "--config", folder / "otelcol.yaml"], port, folder / "otelcol.log"):
        yield Collector(written, port)
