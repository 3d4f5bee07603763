"""Small answers about the server itself.

Source: rest-and-clients 1.3.
"""

import os
import platform

import msgspec

from tiphys import __version__
from tiphys.model.base import Json
from tiphys.server.call import Call
from tiphys.server.rights import who

_CLAIMS = {
    "iss": "issuer", "sub": "subject", "groups": "groups", "email": "email", "email_verified": "emailVerified", "name": "name",
    "preferred_username": "preferredUsername", "service_account_name": "serviceAccountName",
    "service_account_namespace": "serviceAccountNamespace",
}  # fmt: skip


async def version(_call: Call) -> Json:
    """Which program this is; clients want all eight names."""
    return {
        "version": f"v{__version__}", "buildDate": "", "gitCommit": "", "gitTag": f"v{__version__}", "gitTreeState": "clean",
        "goVersion": f"python{platform.python_version()}", "compiler": platform.python_implementation(),
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }  # fmt: skip


async def info(call: Call) -> Json:
    """What the page is to show, as the controller's configuration and the environment say."""
    said = (await call.kept.settled()).configuration
    modals = {
        "feedback": os.environ.get("FEEDBACK_MODAL") == "true",
        "firstTimeUser": os.environ.get("FIRST_TIME_USER_MODAL") == "true",
        "newVersion": os.environ.get("NEW_VERSION_MODAL") == "true",
    }
    return {
        "managedNamespace": call.namespace,
        "links": [msgspec.to_builtins(link) for link in said.links if call.kept.may_link(link.url)],
        "columns": msgspec.to_builtins(said.columns),
        "navColor": said.nav_color,
        "modals": modals,
    }


async def user_info(call: Call) -> Json:
    """Who asks: as who signed him in says, else as the cluster knows him."""
    claims = call.claims
    if claims:
        return {shown: claims[name] for name, shown in _CLAIMS.items() if name in claims}
    user = await who(call.api)
    name = str(user.get("username", ""))
    _, is_account, account = name.partition("system:serviceaccount:")
    namespace, _, short = account.partition(":")
    of_account = {"serviceAccountName": short, "serviceAccountNamespace": namespace} if is_account else {}
    return {"subject": name, "groups": user.get("groups") or [], **of_account}


ROUTES = (("GET", "/api/v1/version", version), ("GET", "/api/v1/info", info), ("GET", "/api/v1/userinfo", user_info))
