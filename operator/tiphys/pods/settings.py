"""What the controller's configuration says about every pod."""

from collections.abc import Mapping

import msgspec

from tiphys.model.base import Json

SHIM_CONFIG_MAP = "tiphys-shim"


class ImageEntry(msgspec.Struct, frozen=True):
    """What an image runs when nobody says what."""

    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


class PodSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that all pods share.

    Attributes:
        executor_image: Runs resource templates.
        image_pull_policy: For the executor image.
        main_container: Defaults under every user container.
        instance_id: Of the controller; empty for none.
        shim_config_map: Holds the shim in each namespace, one key for each architecture.
        architectures: Of the cluster's nodes; the first is chosen where a template does not say.
        images: Image -> what it runs, where templates do not say.
    """

    executor_image: str = "quay.io/tiphys/tiphys:latest"
    image_pull_policy: str = ""
    main_container: Json = {}
    instance_id: str = ""
    shim_config_map: str = SHIM_CONFIG_MAP
    architectures: tuple[str, ...] = ("amd64",)
    images: Mapping[str, ImageEntry] = {}
