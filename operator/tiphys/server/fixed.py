"""Small answers about the server itself.

Source: rest-and-clients 1.3.
"""

import platform

from tiphys import __version__
from tiphys.model.base import Json
from tiphys.server.call import Call


async def version(_call: Call) -> Json:
    """Which program this is; clients want all eight names."""
    return {
        "version": f"v{__version__}", "buildDate": "", "gitCommit": "", "gitTag": f"v{__version__}", "gitTreeState": "clean",
        "goVersion": f"python{platform.python_version()}", "compiler": platform.python_implementation(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }  # fmt: skip


async def info(call: Call) -> Json:
    """What the page is to show."""
    modals = {"feedback": False, "firstTimeUser": False, "newVersion": False}
    return {"managedNamespace": call.namespace, "links": [], "columns": [], "navColor": "", "modals": modals}


async def user_info(_call: Call) -> Json:
    """Who asks; nothing is known of him but his token."""
    return {}


ROUTES = (("GET", "/api/v1/version", version), ("GET", "/api/v1/info", info), ("GET", "/api/v1/userinfo", user_info))
