"""Certificates for servers of the tests."""

import pathlib
import subprocess


def certificates(folder: pathlib.Path, host: str, *names: str) -> None:
    """An authority, and what it signed for the server (its address, and its names if it has any) and a client."""

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName={','.join((f'IP:{host}', *(f'DNS:{one}' for one in names)))}\n")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", folder / f"{name}.ext", "-out", folder / f"{name}.crt")  # fmt: skip
