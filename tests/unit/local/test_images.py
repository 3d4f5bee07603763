"""Names of images as a cluster reads them."""

import pytest

from tiphys.local.engine import whole_name


@pytest.mark.parametrize(
    ("image", "whole"),
    [
        ("busybox", "docker.io/library/busybox"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("some/image:v2", "docker.io/some/image:v2"),
        ("quay.io/some/image", "quay.io/some/image"),
        ("here:5000/image", "here:5000/image"),
        ("localhost/image", "localhost/image"),
    ],
)
def test_an_image_without_a_registry_is_of_dockers(image: str, whole: str) -> None:
    assert whole_name(image) == whole
