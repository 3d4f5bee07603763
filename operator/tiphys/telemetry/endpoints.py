"""Where OpenTelemetry's data go, as its environment variables say; nowhere unless they name an endpoint.

Source: OpenTelemetry, OTLP exporter configuration. As Argo, the protocol is gRPC where no variable says otherwise.
"""

from collections.abc import Mapping
from typing import Literal

from tiphys.errors import SpecError

Signal = Literal["traces", "metrics"]
_PROTOCOLS = ("grpc", "http/protobuf")


def is_wanted(signal: Signal, environment: Mapping[str, str]) -> bool:
    """Whether an endpoint for a signal is named and its export is not switched off."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    named = environment.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT") or environment.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return bool(named) and (environment.get(f"OTEL_{signal.upper()}_EXPORTER") or "otlp") != "none"


def protocol(signal: Signal, environment: Mapping[str, str]) -> str:
    """`grpc` or `http/protobuf`.

    Raises:
        SpecError: The variable says something else; `path` names it.
    """
    for name in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        said = environment.get(name)
        if said:
            if said not in _PROTOCOLS:
                raise SpecError(f"{said!r} is not one of {', '.join(_PROTOCOLS)}", path=name)
            return said
    return "grpc"
