"""Where two processes share the tests (`-n 2 --dist loadgroup`), a module stays whole, and so does a folder whose world is costly."""

import os
import pathlib

import pytest

_HERE = pathlib.Path(__file__).parent
_WHOLE_FOLDERS = {"integration/page", "contract/artifacts"}


def _group(path: pathlib.Path) -> str:
    folder = os.path.relpath(path.parent, _HERE)
    return folder if folder in _WHOLE_FOLDERS else f"{folder}/{path.stem}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.path)))
