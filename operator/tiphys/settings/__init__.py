"""What administrators set: the controller's ConfigMaps and environment, as types."""

from tiphys.settings.configuration import Configuration
from tiphys.settings.environment import Environment, parse_environment
from tiphys.settings.own import OwnConfiguration
from tiphys.settings.read import parse_configuration, parse_own_configuration

__all__ = [
    "Configuration",
    "Environment",
    "OwnConfiguration",
    "parse_configuration",
    "parse_environment",
    "parse_own_configuration",
]
