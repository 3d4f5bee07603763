"""Two registries: one stands in for Docker Hub and its like, one asks for a password."""

import json
import pathlib
import urllib.error
import urllib.request

from processes import ADDRESS, HERE, HOME, run, say, start, wait_for

REGISTRY, PRIVATE = f"{ADDRESS}:5000", f"{ADDRESS}:5001"
USER, PASSWORD = "tester", "secret-of-the-tests"


def start_registries() -> None:
    """Start both, and fill them with the stand-in images unless these very ones are there."""
    passwords = HOME / "htpasswd"
    passwords.write_text(run("htpasswd", "-Bbn", USER, PASSWORD).stdout)
    serve("registry", REGISTRY, {})
    serve("private-registry", PRIVATE, {"auth": {"htpasswd": {"realm": "tests", "path": str(passwords)}}})
    (HOME / "private-registry.env").write_text(f"server={PRIVATE}\nusername={USER}\npassword={PASSWORD}\n")
    images = pathlib.Path(run(HERE / "images/build").stdout.strip())
    stamp = HOME / "registry-filled"
    if not stamp.exists() or stamp.read_text() != str(images):
        fill(images)
        stamp.write_text(str(images))


def serve(name: str, address: str, more: dict[str, object]) -> None:
    """Start one registry and wait until it answers."""
    configuration = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(HOME / name)}, "delete": {"enabled": True}},
        "http": {"addr": address},
        **more,
    }
    (HOME / f"{name}.yaml").write_text(json.dumps(configuration))
    start(name, "docker-registry", "serve", HOME / f"{name}.yaml")
    wait_for(name, lambda: answers(f"http://{address}/v2/"))


def answers(url: str) -> bool:
    """Whether an HTTP server answers at all."""
    try:
        urllib.request.urlopen(url, timeout=2).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def fill(images: pathlib.Path) -> None:
    """Push every image name of every archive. Layers travel once: the registry knows them afterwards."""
    say("filling the registries")
    for image in json.loads((images / "index.json").read_text())["manifests"]:
        name = image["annotations"]["org.opencontainers.image.ref.name"]
        private = name.startswith("private/")
        credentials = [f"--dest-creds={USER}:{PASSWORD}"] if private else []
        target = f"docker://{PRIVATE if private else REGISTRY}/{name}"
        run(
            "skopeo",
            "copy",
            "--quiet",
            "--insecure-policy",
            "--dest-tls-verify=false",
            *credentials,
            f"oci:{images}:{name}",
            target,
        )
