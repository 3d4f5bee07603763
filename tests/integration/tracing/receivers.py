"""Real OTLP receivers, over HTTP and over gRPC, that decode what arrives."""

import http.server
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Received:
    """What came: spans in order, pushes of metrics by name; services that sent them."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.pushes: list[dict[str, Metric]] = []
        self.services: set[str] = set()

    def take_spans(self, request: ExportTraceServiceRequest) -> None:
        self.spans += [span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]

    def take_metrics(self, request: ExportMetricsServiceRequest) -> None:
        for one in request.resource_metrics:
            self.services |= {pair.value.string_value for pair in one.resource.attributes if pair.key == "service.name"}
            self.pushes.append({metric.name: metric for scope in one.scope_metrics for metric in scope.metrics})


class HttpReceiver(Received):
    """Listens for protobuf over HTTP on a port of its own; `answer` is the status that it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = 200
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.answer == 200:
                    if self.path.endswith("/v1/traces"):
                        receiver.take_spans(ExportTraceServiceRequest.FromString(body))
                    else:
                        receiver.take_metrics(ExportMetricsServiceRequest.FromString(body))
                self.send_response(receiver.answer)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class GrpcReceiver(Received):
    """Listens for gRPC on a port of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.server = grpc.server(ThreadPoolExecutor(max_workers=2))

        class Service:
            def __init__(self, take: Callable[[Any], None], answer: type) -> None:
                self._take, self._answer = take, answer

            def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802 gRPC's word
                self._take(request)
                return self._answer()

        spans, metrics = Service(self.take_spans, ExportTraceServiceResponse), Service(self.take_metrics, ExportMetricsServiceResponse)
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(spans, self.server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(metrics, self.server)
        self.address = f"http://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def close(self) -> None:
        self.server.stop(grace=None).wait()
