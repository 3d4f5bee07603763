"""`{{cel=...}}`: CEL in templates, for those who ask for it."""

import pytest

from tiphys.errors import ExpressionError
from tiphys.expr.cel_names import names_in
from tiphys.expr.scope import Scope
from tiphys.expr.template import UnresolvedTag, substitute, tags

SCOPE = Scope({"inputs.parameters.n": "3", "inputs.parameters.my-name": "ann", "workflow.name": "w", "steps.a.outputs.result": '{"k": 1}'})


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("{{cel=workflow.name + '!'}}", "w!"),
        ("{{cel=int(inputs.parameters.n) + 1}}", "4"),
        ("{{cel=inputs.parameters['my-name'].size()}}", "3"),
        ("a{{cel=workflow.name == 'w'}}b", "atrueb"),
        ("{{cel=[1, 2].map(x, x * 2)}}", "[2,4]"),
        ("{{cel='workflow.nope'}}", "workflow.nope"),
        ("{{cel=workflow.nope}}", "{{cel=workflow.nope}}"),
    ],
)
def test_a_cel_tag_becomes_its_value(text, want):
    assert substitute(text, SCOPE, strict=False) == want


def test_a_cel_tag_that_must_resolve_and_cannot_is_an_error():
    with pytest.raises(UnresolvedTag, match=r"failed to resolve steps\.b\.outputs\.result"):
        substitute("{{cel=steps.b.outputs.result}}", SCOPE, strict=("steps.",))


def test_a_cel_tag_that_fails_is_an_error():
    with pytest.raises(ExpressionError, match="cel:"):
        substitute("{{cel=int(workflow.name)}}", SCOPE, strict=False)


def test_what_a_cel_tag_puts_in_is_data():
    scope = Scope({"workflow.name": "{{workflow.uid}}"})
    assert substitute("{{cel=workflow.name}}", scope, strict=False) == "{{workflow.uid}}"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("steps['flip-coin'].outputs.result == 'heads'", ("steps.flip-coin.outputs.result",)),
        ("inputs.parameters.x.startsWith('steps.a.b')", ("inputs.parameters.x",)),
        ("[1].map(x, x.y)", ()),
        ("workflow.name + workflow.name", ("workflow.name",)),
        ("has(item.k) ? item.k : 'x'", ("item.k",)),
    ],
)
def test_the_names_that_cel_reads_are_told_from_its_text(text, names):
    assert names_in(text) == names
    assert [tag.names for tag in tags("{{cel=" + text + "}}")] == [names]
