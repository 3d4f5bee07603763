"""Which Service a host name means."""

import pytest

from tiphys.cluster.forward import service_of


@pytest.mark.parametrize(
    ("host", "want"),
    [
        ("postgres", ("argo", "postgres")),
        ("postgres.data", ("data", "postgres")),
        ("postgres.data.svc", ("data", "postgres")),
        ("postgres.data.svc.cluster.local", ("data", "postgres")),
        ("db.example.com", None),
        ("db.internal.example.com", None),
        ("10.0.0.7", None),
        ("", None),
    ],
)
def test_a_host_name_of_the_cluster_means_a_service(host: str, want: tuple[str, str] | None) -> None:
    assert service_of(host, "argo") == want
