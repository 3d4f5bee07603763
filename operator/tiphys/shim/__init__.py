"""The shim's programs, one for each architecture, as they go into a ConfigMap."""

from importlib import resources

from tiphys.errors import NotFound

ARCHITECTURES = ("amd64", "arm64")
MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""As a kernel calls it -> as Kubernetes does."""


def binaries() -> dict[str, bytes]:
    """Architecture -> program.

    Raises:
        NotFound: They were not built; `hint` says how.
    """
    folder = resources.files(__package__) / "bin"
    try:
        return {architecture: (folder / architecture).read_bytes() for architecture in ARCHITECTURES}
    except FileNotFoundError as e:
        raise NotFound("the shim is not built", hint="run `make shim`") from e
