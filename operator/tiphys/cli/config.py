"""`config check`: would the controller take this configuration?"""

from collections.abc import Iterator, Mapping
from typing import Any

from tiphys.cli.documents import read_documents
from tiphys.errors import SpecError
from tiphys.settings import Configuration, OwnConfiguration
from tiphys.settings.read import find_faults

_OWN = "tiphys"


def check(*files: str) -> int:
    """Check controller configurations: ConfigMaps, or just their settings; 1 when one cannot be taken."""
    checked = wrong = 0
    for found in read_documents(files):
        where, document = found.file, found.value
        if "kind" in document and document["kind"] != "ConfigMap":
            continue
        checked += 1
        for fault in _faults(document):
            wrong += 1
            print(f"{where}: {fault}{f' ({fault.hint})' if fault.hint else ''}")
    if not checked:
        raise SpecError("no ConfigMap and no settings found in given files")
    print(f"{wrong} errors" if wrong else "the configuration is good")
    return 1 if wrong else 0


def _faults(document: Mapping[str, Any]) -> Iterator[SpecError]:
    if "kind" not in document:
        yield from find_faults(Configuration, document)
        return
    name, entries = (document.get("metadata") or {}).get("name", ""), document.get("data") or {}
    bad = [key for key, text in entries.items() if not isinstance(text, str)]
    if bad:
        yield from (SpecError("the value must be text", path=f"data.{key}", hint="write `key: |`") for key in bad)
        return
    yield from find_faults(OwnConfiguration if name == _OWN else Configuration, entries)
