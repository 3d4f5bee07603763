"""Pass: the container of a data template, which lists artifacts and puts the list through expressions.

Source: argo-semantics 18.5.
"""

import json

import msgspec

from tiphys.errors import SpecError
from tiphys.model.base import Json
from tiphys.model.parse import to_json
from tiphys.model.storage import relocated, repository_location
from tiphys.model.template import DataSource, Template
from tiphys.pods.draft import MAIN, Draft, filled
from tiphys.pods.drivers import add_drivers, driver_mounts, with_driver
from tiphys.pods.passes.executor import executor_container, user_of
from tiphys.pods.secrets import secret_mounts, secret_volumes

ANNOTATION_DATA = "tiphys.io/data-template"


def data_container(draft: Draft) -> None:
    """The executor, told what to list by an annotation; it alone gets the store's secrets, as files.

    Raises:
        SpecError: The template names no source, or the source is nowhere.
    """
    data = draft.template.data
    if data is None:
        return
    if data.source is None or data.source.artifact_paths is None:
        raise SpecError("data.source.artifactPaths is required", path=draft.path("data.source"))
    paths = relocated(data.source.artifact_paths, repository_location(draft.order.repository, ""))
    paths = with_driver(paths, paths.plugin, draft.settings.artifact_drivers)
    placed = msgspec.structs.replace(data, source=DataSource(artifact_paths=paths))  # type: ignore[arg-type]
    draft.annotations[ANNOTATION_DATA] = json.dumps(to_json(Template(name=draft.template.name, data=placed)))
    path = f"metadata.annotations['{ANNOTATION_DATA}']"
    main = executor_container(draft, MAIN, ["tiphys", "executor", "data"])
    env: Json = {"name": "TIPHYS_TEMPLATE", "valueFrom": {"fieldRef": {"fieldPath": path}}}
    mounts = [*main.get("volumeMounts", ()), *secret_mounts([paths]), *driver_mounts([paths])]
    if paths.plugin is not None:  # as where artifacts are loaded and saved: a driver's socket may be for its own user only
        main = {**main, "securityContext": {**user_of(draft), **(main.get("securityContext") or {})}}
    draft.main = filled({**main, "env": [*main.get("env", ()), env], "volumeMounts": mounts})
    draft.spec["volumes"] += secret_volumes([paths])
    add_drivers(draft, [paths])
