"""A real directory on loopback: OpenLDAP's slapd, with a certificate of an authority that the tests make."""

import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
import time
import warnings
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conftest import DEADLINE, free_port

with warnings.catch_warnings(action="ignore"):  # of pyasn1, about names that ldap3 imports
    import ldap3  # noqa: F401

PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])

CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
allow bind_anon_cred
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix dc=example
directory {folder}/data
overlay memberof
access to attrs=userPassword by self read by anonymous auth by * none
access to * by dn.exact=cn=reader,dc=example read by self read by users search by anonymous auth
"""

ENTRIES = """
dn: dc=example
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: cn=reader,dc=example
objectClass: person
cn: reader
sn: reader
userPassword: r3ader

dn: ou=people,dc=example
objectClass: organizationalUnit
ou: people

dn: uid=Ana,ou=people,dc=example
objectClass: inetOrgPerson
uid: Ana
cn: Ana Ruiz
sn: Ruiz
mail: ana@example.com
mail: ruiz@example.com
userPassword: s3cret
memberOf: cn=analysts,dc=example

dn: uid=o\\+b\\, x,ou=people,dc=example
objectClass: inetOrgPerson
uid: o+b, x
cn: odd
sn: odd
mail: odd(1)*@example.com
userPassword: odd

dn: uid=twin,ou=people,dc=example
objectClass: inetOrgPerson
uid: twin
cn: twin
sn: Ruiz
mail: ana@example.com
userPassword: twin
"""


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority: `folder`, and the path of its certificate, `ca`."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    own = certificate("Test authority", key.public_key(), "Test authority", key, is_authority=True)
    (folder / "ca.pem").write_bytes(own)
    return SimpleNamespace(folder=folder, ca=folder / "ca.pem", key=key)


def certificate(name, public_key, issuer, key, is_authority=False):
    """A certificate for 127.0.0.1, signed with the issuer's key, in PEM."""
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in (name, issuer)]
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder(names[1], names[0], public_key, x509.random_serial_number())
    built = built.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    built = built.add_extension(x509.BasicConstraints(is_authority, None), True)
    built = built if is_authority else built.add_extension(address, False)
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="session")
def directory(tmp_path_factory, authority):
    """A directory with three people: `port`, `tls_port`, `ca`."""
    folder = tmp_path_factory.mktemp("slapd")
    (folder / "data").mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "server.pem").write_bytes(certificate("127.0.0.1", key.public_key(), "Test authority", authority.key))
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password)
    (folder / "server.key").write_bytes(private)
    (folder / "slapd.conf").write_text(CONFIG.format(folder=folder))
    run("slapadd", "-f", folder / "slapd.conf", input=ENTRIES.encode())
    port, tls_port = free_port(), free_port()
    urls = f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"
    command = [program("slapd"), "-f", folder / "slapd.conf", "-h", urls, "-d", "0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    wait_for(port, process, folder / "log")
    yield SimpleNamespace(port=port, tls_port=tls_port, ca=authority.ca, process=process)
    process.kill()
    process.wait(DEADLINE)


def program(name):
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is not installed: apt-get install slapd"
    return found


def run(name, *args, input):
    done = subprocess.run([program(name), *args], input=input, capture_output=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr.decode()


def wait_for(port, process, log):
    deadline = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
    pytest.fail(log.read_text())
