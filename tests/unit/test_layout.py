"""Facts about the tree that a reader relies on."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_source_root_never_shadows_the_standard_librarys_operator() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
