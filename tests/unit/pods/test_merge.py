"""Strategic merge, case by case as the API server does it."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tiphys.errors import SpecError
from tiphys.pods.merge import MERGE_KEYS, strategic_merge


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ("{a: 1, b: {c: 1, d: 2}}", "{b: {c: null, e: 3}}", "{a: 1, b: {d: 2, e: 3}}"),
        ("{containers: [{name: a, image: x}, {name: b}]}", "{containers: [{name: a, image: y}]}",
         "{containers: [{name: a, image: y}, {name: b}]}"),
        ("{containers: [{name: a}]}", "{containers: [{name: b}]}", "{containers: [{name: b}, {name: a}]}"),
        ("{containers: [{name: a}, {name: b}]}", "{containers: [{name: a, $patch: delete}]}", "{containers: [{name: b}]}"),
        ("{containers: [{name: a}]}", "{containers: [{name: b, $patch: delete}]}", "{containers: [{name: a}]}"),
        ("{containers: [{name: a, image: x, env: [{name: E, value: '1'}]}]}",
         "{containers: [{name: a, env: [{name: E, value: '2'}, {name: F, value: '3'}]}]}",
         "{containers: [{name: a, image: x, env: [{name: F, value: '3'}, {name: E, value: '2'}]}]}"),
        ("{containers: [{name: a}]}", "{containers: [{$patch: replace}, {name: z}]}", "{containers: [{name: z}]}"),
        ("{containers: [{name: a, image: x}]}", "{containers: [{name: a, $patch: replace, command: [c]}]}",
         "{containers: [{name: a, command: [c]}]}"),
        ("{tolerations: [{key: a}]}", "{tolerations: [{key: b}]}", "{tolerations: [{key: b}]}"),
        ("{volumes: [{name: v, emptyDir: {}}]}", "{volumes: [{name: v, $retainKeys: [name, hostPath], hostPath: {path: /x}}]}",
         "{volumes: [{name: v, hostPath: {path: /x}}]}"),
        ("{containers: [{name: a}, {name: b}]}", "{containers: [{name: c}], $setElementOrder/containers: [{name: b}, {name: c}, {name: a}]}",
         "{containers: [{name: b}, {name: c}, {name: a}]}"),
        ("{finalizers: [a, b]}", "{$deleteFromPrimitiveList/finalizers: [a]}", "{finalizers: [b]}"),
        ("{securityContext: {runAsUser: 1}}", "{securityContext: {$patch: replace, fsGroup: 2}}", "{securityContext: {fsGroup: 2}}"),
        ("{securityContext: {runAsUser: 1}}", "{securityContext: {$patch: delete}}", "{securityContext: {}}"),
        ("{hostAliases: [{ip: 1.1.1.1, hostnames: [a]}]}", "{hostAliases: [{ip: 1.1.1.1, hostnames: [b]}]}",
         "{hostAliases: [{ip: 1.1.1.1, hostnames: [b]}]}"),
        ("{}", "{containers: [{name: a, $patch: merge, image: x}]}", "{containers: [{name: a, $patch: merge, image: x}]}"),
    ],
)  # fmt: skip
def test_a_patch_means_what_it_means_to_the_api_server(target, patch, merged):
    expected = yaml.safe_load(merged.replace("$patch: merge, ", ""))
    assert strategic_merge(yaml.safe_load(target), yaml.safe_load(patch)) == expected


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ("{containers: [{image: x}]}", r"^p\.containers: an element does not contain declared merge key: name$"),
        ("{containers: [{name: a, env: [{value: x}]}]}", r"^p\.containers\[a\]\.env: an element does not contain declared"),
        ("{affinity: {$patch: erase}}", r"^p\.affinity: unknown patch type: erase$"),
    ],
)
def test_a_patch_that_cannot_be_merged_names_the_place(patch, message):
    with pytest.raises(SpecError, match=message):
        strategic_merge({"containers": [{"name": "a"}], "affinity": {}}, yaml.safe_load(patch), "p")


NAMED = st.lists(st.sampled_from("abcd"), unique=True).map(lambda names: [{"name": name, "image": "x"} for name in names])
SPECS = st.fixed_dictionaries({}, optional={"containers": NAMED, "volumes": NAMED, "hostNetwork": st.booleans(),
                                            "nodeSelector": st.dictionaries(st.sampled_from("xy"), st.text(max_size=2))})  # fmt: skip


@given(SPECS, SPECS)
def test_merging_twice_is_merging_once_and_changes_neither_side(target, patch):
    before = repr((target, patch))
    once = strategic_merge(target, patch)
    assert strategic_merge(once, patch) == once
    assert repr((target, patch)) == before


@given(SPECS)
def test_an_empty_patch_changes_nothing(target):
    assert strategic_merge(target, {}) == target


def test_every_list_key_is_one_of_the_pods():
    assert set(MERGE_KEYS.values()) == {"name", "mountPath", "containerPort", "ip", "topologyKey", "devicePath"}
