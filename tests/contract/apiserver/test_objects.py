"""What callers of `Objects` rely on."""

import asyncio

import msgspec
import pytest
from tests.contract.apiserver.conftest import World, eventually

from tiphys.cluster.api import path_of
from tiphys.errors import AlreadyExists, Conflict, Gone, InvalidManifest, NotFound, TiphysError


async def test_what_is_created_has_a_uid_a_version_and_a_time(world: World) -> None:
    meta = await world.api.create("ConfigMap", world.namespace, world.config_map("one"))
    assert (meta.name, meta.namespace) == ("one", world.namespace)
    assert meta.uid
    assert meta.resource_version.isdecimal()
    assert meta.creation_timestamp is not None
    found = await world.read("ConfigMap", "one")
    assert found["metadata"]["uid"] == meta.uid
    assert found["data"] == {"a": "1"}


async def test_the_answer_to_a_create_is_metadata_only(world: World) -> None:
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    path = path_of("ConfigMap", world.namespace)
    answer = msgspec.json.decode(await world.api.call("POST", "ConfigMap", path, body=world.config_map("one"), accept=accept))
    assert answer["kind"] == "PartialObjectMetadata"
    assert "data" not in answer


async def test_a_taken_name_is_said_to_be_taken(world: World) -> None:
    await world.api.create("ConfigMap", world.namespace, world.config_map("one"))
    with pytest.raises(AlreadyExists):
        await world.api.create("ConfigMap", world.namespace, world.config_map("one"))


async def test_the_server_makes_names(world: World) -> None:
    manifest = world.config_map("", metadata={"generateName": "some-"})
    del manifest["metadata"]["name"]
    first, second = [await world.api.create("ConfigMap", world.namespace, manifest) for _ in range(2)]
    assert first.name.startswith("some-")
    assert first.name != second.name


async def test_what_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.api.read("ConfigMap", world.namespace, "none")
    with pytest.raises(NotFound):
        await world.api.patch("ConfigMap", world.namespace, "none", {"data": {"a": "2"}})
    with pytest.raises(NotFound):
        await world.api.learn("argoproj.io/v1alpha1", "Nonsense")


async def test_a_kind_that_the_cluster_does_not_know_has_no_page(world: World) -> None:
    with pytest.raises(NotFound, match="404 page not found"):
        await world.api.call("GET", "EventSource", f"/apis/argoproj.io/v1alpha1/namespaces/{world.namespace}/eventsources")


@pytest.mark.parametrize("name", ["Not A Name", "", "-x"])
async def test_what_is_no_name_is_refused(world: World, name: str) -> None:
    with pytest.raises(InvalidManifest):
        await world.api.create("ConfigMap", world.namespace, world.config_map(name))


async def test_a_pod_without_containers_is_refused(world: World) -> None:
    manifest = world.pod("empty", "true")
    manifest["spec"]["containers"] = []
    with pytest.raises(InvalidManifest):
        await world.create_pod(manifest)


async def test_a_patch_is_merged_and_null_removes(world: World) -> None:
    await world.api.create("ConfigMap", world.namespace, world.config_map("one", metadata={"labels": {"x": "1", "y": "2"}}))
    patch = {"metadata": {"labels": {"x": None, "z": "3"}}, "data": {"b": "2"}}
    await world.api.patch("ConfigMap", world.namespace, "one", patch)
    found = await world.read("ConfigMap", "one")
    assert found["metadata"]["labels"] == {"y": "2", "z": "3"}
    assert found["data"] == {"a": "1", "b": "2"}


async def test_a_patch_on_an_old_version_is_a_conflict_and_changes_nothing(world: World) -> None:
    first = await world.api.create("ConfigMap", world.namespace, world.config_map("one"))
    second = await world.api.patch("ConfigMap", world.namespace, "one", {"data": {"a": "2"}})
    assert int(second.resource_version) > int(first.resource_version)
    with pytest.raises(Conflict):
        await world.api.patch("ConfigMap", world.namespace, "one", {"data": {"a": "3"}}, resource_version=first.resource_version)
    third = await world.api.patch(
        "ConfigMap", world.namespace, "one", {"data": {"c": "3"}}, resource_version=second.resource_version
    )
    assert int(third.resource_version) > int(second.resource_version)
    assert (await world.read("ConfigMap", "one"))["data"] == {"a": "2", "c": "3"}


async def test_a_patch_that_changes_nothing_makes_no_version(world: World) -> None:
    first = await world.api.create("ConfigMap", world.namespace, world.config_map("one"))
    again = await world.api.patch("ConfigMap", world.namespace, "one", {"data": {"a": "1"}})
    assert again.resource_version == first.resource_version


async def test_the_generation_counts_changes_of_the_spec_only(world: World) -> None:
    spec = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}], "suspend": True}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": spec}
    manifest["metadata"]["labels"] = {"workflows.argoproj.io/controller-instanceid": "nobody"}
    first = await world.api.create("Workflow", world.namespace, manifest)
    second = await world.api.patch("Workflow", world.namespace, "w", {"metadata": {"labels": {"x": "1"}}})
    third = await world.api.patch("Workflow", world.namespace, "w", {"spec": {"suspend": False}})
    assert (first.generation, second.generation, third.generation) == (1, 1, 2)


async def test_deleting_is_asked_for_one_uid_or_none(world: World) -> None:
    meta = await world.api.create("ConfigMap", world.namespace, world.config_map("one"))
    await world.api.delete("ConfigMap", world.namespace, "one", uid="00000000-0000-4000-8000-999999999999")
    assert (await world.read("ConfigMap", "one"))["metadata"]["uid"] == meta.uid
    await world.api.delete("ConfigMap", world.namespace, "one", uid=meta.uid)
    await world.api.delete("ConfigMap", world.namespace, "one")
    with pytest.raises(NotFound):
        await world.api.read("ConfigMap", world.namespace, "one")


async def test_a_finalizer_holds_what_is_deleted(world: World) -> None:
    await world.api.create("ConfigMap", world.namespace, world.config_map("one", metadata={"finalizers": ["example.com/hold"]}))
    await world.api.delete("ConfigMap", world.namespace, "one")
    assert (await world.read("ConfigMap", "one"))["metadata"]["deletionTimestamp"]
    await world.api.patch("ConfigMap", world.namespace, "one", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await world.api.read("ConfigMap", world.namespace, "one")


async def test_what_an_object_owns_goes_with_it(world: World) -> None:
    meta = await world.api.create("ConfigMap", world.namespace, world.config_map("owner"))
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": meta.uid, "controller": True}
    await world.api.create("ConfigMap", world.namespace, world.config_map("owned", metadata={"ownerReferences": [owner]}))
    await world.api.delete("ConfigMap", world.namespace, "owner")

    async def gone() -> bool:
        try:
            await world.api.read("ConfigMap", world.namespace, "owned")
        except NotFound:
            return True
        return False

    await eventually(gone)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("team=red", {"a", "b"}),
        ("team==red,tier=web", {"a"}),
        ("team!=red", {"c", "d"}),
        ("team in (red, blue)", {"a", "b", "c"}),
        ("team notin (red)", {"c", "d"}),
        ("team", {"a", "b", "c"}),
        ("!team", {"d"}),
        ("team in (red,blue),tier", {"a"}),
    ],
)
async def test_labels_select(world: World, selector: str, expected: set[str]) -> None:
    labels = {"a": {"team": "red", "tier": "web"}, "b": {"team": "red"}, "c": {"team": "blue"}, "d": {"mine": "1"}}
    made = [world.config_map(name, metadata={"labels": {**some, "test": "1"}}) for name, some in labels.items()]
    await asyncio.gather(*(world.api.create("ConfigMap", world.namespace, one) for one in made))
    found = {one["metadata"]["name"] for one in await _list(world, labelSelector=f"test=1,{selector}")}
    assert found == expected


async def test_a_selector_that_cannot_be_read_is_refused(world: World) -> None:
    with pytest.raises(InvalidManifest):
        await _list(world, labelSelector="a b c")


async def test_fields_select(world: World) -> None:
    for name in ("a", "b"):
        await world.api.create("ConfigMap", world.namespace, world.config_map(name, metadata={"labels": {"test": "1"}}))
    found = await _list(world, labelSelector="test=1", fieldSelector="metadata.name=b")
    assert [one["metadata"]["name"] for one in found] == ["b"]
    found = await _list(world, labelSelector="test=1", fieldSelector="metadata.name!=b")
    assert [one["metadata"]["name"] for one in found] == ["a"]


async def test_lists_come_in_pages_of_one_moment(world: World) -> None:
    for index in range(5):
        one = world.config_map(f"p{index}", metadata={"labels": {"test": "1"}})
        await world.api.create("ConfigMap", world.namespace, one)
    path = path_of("ConfigMap", world.namespace)
    names, query, versions = [], {"limit": "2", "labelSelector": "test=1"}, set()
    while True:
        page = msgspec.json.decode(await world.api.call("GET", "ConfigMap", path, query=query))
        names += [one["metadata"]["name"] for one in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        if not page["metadata"].get("continue"):
            break
        query["continue"] = page["metadata"]["continue"]
        # what is created after the first page belongs to a later moment
        await world.api.create("ConfigMap", world.namespace, world.config_map(f"x{len(names)}", metadata={"labels": {"test": "1"}}))
    assert names == ["p0", "p1", "p2", "p3", "p4"]
    assert len(versions) == 1


async def test_a_wrong_place_in_a_list_is_gone_or_refused(world: World) -> None:
    with pytest.raises((Gone, InvalidManifest)):
        await _list(world, **{"continue": "nonsense", "limit": "1"})


async def test_a_custom_object_without_its_kind_is_refused(world: World) -> None:
    spec = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}
    with pytest.raises(TiphysError):
        await world.api.create("Workflow", world.namespace, {"metadata": {"name": "nameless-kind"}, "spec": spec})


async def test_the_status_of_a_task_set_is_written_by_itself_and_that_of_a_workflow_is_not(world: World) -> None:
    argo = {"apiVersion": "argoproj.io/v1alpha1", "metadata": {"name": "one"}}
    nodes = {"nodes": {"n": {"phase": "Running"}}}
    await world.api.create("WorkflowTaskSet", world.namespace, {**argo, "kind": "WorkflowTaskSet", "spec": {}, "status": nodes})
    await world.api.patch("WorkflowTaskSet", world.namespace, "one", {"spec": {"tasks": {"n": {"name": "t"}}}, "status": nodes})
    assert "status" not in await world.read("WorkflowTaskSet", "one")
    await world.api.patch("WorkflowTaskSet", world.namespace, "one/status", {"spec": {"tasks": {"n": None}}, "status": nodes})
    found = await world.read("WorkflowTaskSet", "one")
    assert (found["status"], list(found["spec"]["tasks"])) == (nodes, ["n"])
    spec = {"entrypoint": "main", "templates": [{"name": "main", "suspend": {}}]}
    await world.api.create("Workflow", world.namespace, {**argo, "kind": "Workflow", "spec": spec})
    with pytest.raises(NotFound):
        await world.api.patch("Workflow", world.namespace, "one/status", {"status": {"phase": "Failed"}})
    await world.api.patch("Workflow", world.namespace, "one", {"status": {"phase": "Failed"}})
    assert (await world.read("Workflow", "one"))["status"] == {"phase": "Failed"}


async def test_discovery_knows_argos_kinds(world: World) -> None:
    assert await world.api.learn("argoproj.io/v1alpha1", "Workflow") == ("/apis/argoproj.io/v1alpha1/workflows", True)
    assert await world.api.learn("v1", "Pod") == ("/api/v1/pods", True)
    assert (await world.api.learn("v1", "Namespace"))[1] is False


async def _list(world: World, **query: str) -> list[dict[str, object]]:
    answer = await world.api.call("GET", "ConfigMap", path_of("ConfigMap", world.namespace), query=query)
    items: list[dict[str, object]] = msgspec.json.decode(answer)["items"]
    return items
