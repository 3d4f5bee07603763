"""Which files begin first where several processes share them."""

import pytest

LONGEST = ("local/test_run.py", "archive/", "page/", "cli/", "controller/test_crashes.py", "server/test_access.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long is not begun last: the other processes would have nothing to do beside it."""
    items.sort(key=lambda item: next((place for place, part in enumerate(LONGEST) if part in str(item.path)), len(LONGEST)))
