"""The kubectl arguments that a resource template may add (`flags`), as far as they mean something without kubectl.

Source: argo-semantics 18.2.
Differs from Argo: nothing is handed to kubectl, so a flag that is not known here is refused by name.
"""

import msgspec

from tiphys.errors import SpecError
from tiphys.model.parse import nearest

_SWITCHES = {
    "--ignore-not-found": "ignore_not_found",
    "--server-side": "server_side",
    "--force-conflicts": "force_conflicts",
    "--force": "force",
    "--now": "now",
    "--all": "select_all",
}
_VALUES = {
    "-n": "namespace",
    "--namespace": "namespace",
    "-l": "selector",
    "--selector": "selector",
    "--field-manager": "field_manager",
    "--dry-run": "dry_run",
    "--cascade": "cascade",
    "--grace-period": "grace_period",
    "-p": "patch",
    "--patch": "patch",
    "--type": "patch_type",
}
_WITHOUT_EFFECT = ("--wait", "--validate", "--save-config", "--record", "--timeout", "-o", "--output", "--overwrite")
"""They change how kubectl prints, checks or waits; here the object is always printed, and the server checks."""


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What the flags say.

    Attributes:
        words: What is no flag: a kind and names, or `kind/name`.
        selector: Labels of the objects, instead of names.
        select_all: All objects of the kind.
    """

    words: tuple[str, ...] = ()
    namespace: str = ""
    selector: str = ""
    field_manager: str = ""
    dry_run: str = ""
    cascade: str = ""
    grace_period: str = ""
    patch: str = ""
    patch_type: str = ""
    ignore_not_found: bool = False
    server_side: bool = False
    force_conflicts: bool = False
    force: bool = False
    now: bool = False
    select_all: bool = False

    def targets(self) -> list[tuple[str, str]]:
        """Kind and name of each object that is named; the name is empty where a selector stands for it.

        Raises:
            SpecError: They name nothing.
        """
        if all("/" in word for word in self.words) and self.words:
            return [(kind, name) for kind, _, name in (word.partition("/") for word in self.words)]
        if len(self.words) == 1 and (self.selector or self.select_all):
            return [(self.words[0], "")]
        if len(self.words) < 2:
            said = " ".join(self.words) or "nothing"
            raise SpecError(f"{said} names no object: expected KIND NAME or KIND/NAME", path="resource.flags")
        return [(self.words[0], name) for name in self.words[1:]]

    def query(self) -> dict[str, str]:
        """The parts of the API server's query that they ask for.

        Raises:
            SpecError: `--dry-run=client` asks for what only kubectl can do.
        """
        if self.dry_run in ("", "none"):
            return {}
        if self.dry_run != "server":
            raise SpecError("--dry-run can only be server or none", path="resource.flags")
        return {"dryRun": "All"}


def parse_flags(words: tuple[str, ...]) -> Flags:
    """The flags.

    Raises:
        SpecError: One is not known, or lacks its value.
    """
    made: dict[str, object] = {}
    plain: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        name, has_value, value = word.partition("=")
        if not word.startswith("-"):
            plain.append(word)
        elif name in _SWITCHES:
            made[_SWITCHES[name]] = value.lower() != "false" if has_value else True
        elif name in _VALUES or name in _WITHOUT_EFFECT:
            if not has_value and (name in _VALUES or name in ("-o", "--output", "--timeout")):
                value = _next(left, name)
            if name in _VALUES:
                made[_VALUES[name]] = value
        elif word[:2] in _VALUES and not word.startswith("--"):
            made[_VALUES[word[:2]]] = word[2:]
        else:
            known = (*_SWITCHES, *_VALUES, *_WITHOUT_EFFECT)
            raise SpecError(f"flag {name} is not known without kubectl{nearest(name, known)}", path="resource.flags")
    return msgspec.convert({**made, "words": plain}, type=Flags)


def _next(left: list[str], name: str) -> str:
    if not left:
        raise SpecError(f"flag {name} has no value", path="resource.flags")
    return left.pop(0)
