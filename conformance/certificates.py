"""An authority of its own for each test run, and clients' certificates that it signs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=1)


class Authority:
    """Its certificate is the file `path`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Clients")
        self.path = directory / "clients.pem"
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        _write(self.path, self._signed(self._name, self._key, constraints))

    def client(self, login: str) -> dict:
        """A certificate for `login`, as a session's `auth` has it: two files."""
        certificate, key_file = self._directory / f"{login}.pem", self._directory / f"{login}-key.pem"
        if not certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            _write(certificate, self._signed(_name(login), key, usage))
            form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            key_file.write_bytes(key.private_bytes(*form))
        return {"certificate": str(certificate), "key": str(key_file)}

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, extension) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        return builder.not_valid_before(now - LIFE).not_valid_after(now + LIFE).sign(self._key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
