"""Certificates: authorities that sign a source's TLS certificate, for endpoints with SslMode verify-ca or verify-full."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .. import clock
from . import tags
from .context import ACCOUNT, Context, check_identifier, page, public, select
from .errors import DmsError, exists, invalid_combination, invalid_state, invalid_value

FILTERS = {
    "certificate-arn": lambda d: d["CertificateArn"],
    "certificate-id": lambda d: d["CertificateIdentifier"],
}
#: SslMode values that check the server's certificate.
VERIFYING = ("verify-ca", "verify-full")


class Actions:
    def __init__(self, context: Context) -> None:
        self._context = context

    def ImportCertificate(self, request: dict[str, Any]) -> dict[str, Any]:
        name = check_identifier(request["CertificateIdentifier"], "CertificateIdentifier", 255)
        if any(c["CertificateIdentifier"] == name for c in self._context.store.all("certificate")):
            raise exists(f"Certificate already exists: {name}.")
        if request.get("CertificateWallet"):
            raise invalid_value("Oracle wallets are not part of the sandbox; give CertificatePem.")
        pem = request.get("CertificatePem")
        if not pem:
            raise invalid_combination("The parameter CertificatePem must be provided.")
        document = {
            "CertificateIdentifier": name,
            "CertificateCreationDate": clock.now(),
            "CertificatePem": pem,
            "CertificateArn": self._context.arn("cert"),
            "CertificateOwner": ACCOUNT,
            "KmsKeyId": request.get("KmsKeyId"),
            **_details(pem),
        }
        arn = document["CertificateArn"]
        self._context.store.put("certificate", arn, document)
        tags.create(self._context, arn, request.get("Tags"))
        return {"Certificate": public(document)}

    def DescribeCertificates(self, request: dict[str, Any]) -> dict[str, Any]:
        found = select(self._context.store.all("certificate"), request, FILTERS, "Certificates")
        items, more = page(found, request)
        return {"Certificates": [public(c) for c in items], **more}

    def DeleteCertificate(self, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["CertificateArn"]
        certificate = self._context.require("certificate", arn, "Certificate")
        if any(e.get("CertificateArn") == arn for e in self._context.store.all("endpoint")):
            raise invalid_state(f"Certificate {arn} is used by one or more endpoints.")
        self._context.store.delete("certificate", arn)
        self._context.store.delete("tags", arn)
        return {"Certificate": public(certificate)}


def _details(pem: str) -> dict[str, Any]:
    """What AWS reads from the certificate; of a bundle, from its first one."""
    try:
        first = x509.load_pem_x509_certificates(pem.encode())[0]
        algorithm = first.signature_hash_algorithm
    except Exception as error:  # cryptography documents ValueError, and raises others for odd extensions
        raise DmsError("InvalidCertificateFault", f"The certificate is not a valid PEM certificate: {error}") from error
    key = first.public_key()
    family = "RSA" if isinstance(key, rsa.RSAPublicKey) else "ECDSA" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
    return {
        "ValidFromDate": first.not_valid_before_utc.timestamp(),
        "ValidToDate": first.not_valid_after_utc.timestamp(),
        "SigningAlgorithm": f"{algorithm.name.upper() if algorithm else 'NONE'}with{family}",
        "KeyLength": getattr(key, "key_size", None),
    }
