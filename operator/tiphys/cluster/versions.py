"""Which of two versions of an object is the older one.

Source: Kubernetes' API concepts (resourceVersions of one kind compare as integers).
"""


def is_older(version: str, than: str) -> bool:
    """Whether one resourceVersion is older than another; False where they cannot be compared."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)
