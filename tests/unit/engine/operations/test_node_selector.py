import pytest

from tiphys.engine.operations.node_selector import parse_selector, selected
from tiphys.errors import SpecError
from tiphys.model.arguments import Inputs, Parameter
from tiphys.model.status import NodeStatus, WorkflowStatus
from tiphys.model.template import TemplateRef
from tiphys.model.workflow import Workflow

NODES = [
    NodeStatus(id="1", name="w.a", display_name="a", template_name="t", phase="Running",
               inputs=Inputs(parameters=(Parameter(name="x", value="7"),))),
    NodeStatus(id="2", name="w.b", display_name="b", template_ref=TemplateRef(name="shared", template="t"), phase="Failed"),
    NodeStatus(id="3", name="w.c", display_name="a,b", template_name="u", phase="Failed"),
]  # fmt: skip
WORKFLOW = Workflow(status=WorkflowStatus(nodes={node.id: node for node in NODES}))


@pytest.mark.parametrize(
    ("selector", "ids"),
    [
        ("", []),
        ("displayName=a", ["1"]),
        ("displayName==a", ["1"]),
        ("templateName=t", ["1", "2"]),
        ("templateName=t,phase!=Running", ["2"]),
        ("phase!=Running", ["2", "3"]),
        ("name=w.c", ["3"]),
        ("id=2", ["2"]),
        ("templateRef.name=shared, templateRef.template=t", ["2"]),
        ("inputs.parameters.x.value=7", ["1"]),
        ("inputs.parameters.x.value!=7", ["2", "3"]),
        (r"displayName=a\,b", ["3"]),
        ("displayName=", []),
    ],
)
def test_a_node_selector_means_the_nodes_of_which_all_its_terms_hold(selector, ids):
    assert [node.id for node in selected(WORKFLOW, selector)] == ids


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("displayname=a", "no field 'displayname', did you mean 'displayName'?"),
        ("phase", "invalid selector: 'phase'"),
        ("phase=a=b", "invalid selector: '=b'"),
        ("phase=a,", "invalid selector: ''"),
    ],
)
def test_a_wrong_node_selector_is_refused_by_name(selector, message):
    with pytest.raises(SpecError) as caught:
        parse_selector(selector)
    assert message in caught.value.message
