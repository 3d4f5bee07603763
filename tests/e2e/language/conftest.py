"""Workflows of the language belong to the controller of an instance."""

import pytest
from tests.e2e.conftest import Cluster


@pytest.fixture
def cluster(kept: Cluster) -> Cluster:
    return kept
