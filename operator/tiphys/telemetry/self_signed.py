"""TLS of our servers: with a certificate that is given, or one of our own, which encrypts and proves nothing."""

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VERSIONS = {
    "": ssl.TLSVersion.TLSv1_2,
    "VersionTLS12": ssl.TLSVersion.TLSv1_2,
    "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}


def server_context(certificate: bytes, key: bytes, min_version: str = "") -> ssl.SSLContext:
    """The context of a server with a certificate and its key.

    Args:
        certificate: With those between it and its authority, as PEM.
        key: As PEM.
        min_version: `VersionTLS12`, `VersionTLS13`; others mean the first.

    Raises:
        ssl.SSLError: They cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS.get(min_version, ssl.TLSVersion.TLSv1_2)
    # the standard library reads certificates from files only
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_bytes(key + b"\n" + certificate)
        context.load_cert_chain(path)
    return context


def self_signed(min_version: str = "") -> ssl.SSLContext:
    """The context of a server with a new key and a certificate for a year."""
    certificate, key = _make(datetime.now(UTC))  # noqa: TID251 a certificate is dated
    return server_context(certificate, key, min_version)


def _make(now: datetime) -> tuple[bytes, bytes]:
    # heavy: only who serves TLS pays for it
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    parts = ((NameOID.ORGANIZATION_NAME, "Tiphys"), (NameOID.COMMON_NAME, "localhost"))
    name = x509.Name([x509.NameAttribute(kind, text) for kind, text in parts])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), private
