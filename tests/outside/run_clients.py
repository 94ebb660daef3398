#!/usr/bin/env python3
"""Starts outside_server and lets one foreign client talk to it.

usage: run_clients.py SERVER [--tls] CLIENT...

CLIENT gets as its last words the server's address and a directory whose files it serves at /static;
the test is what it exits with. 77 means skipped.

With --tls the server speaks HTTPS. AFT_TLS names a directory with the certificates (authority.pem
signed server.pem and client.pem; issue.sh makes more), AFT_SERVER the server's process. Node, curl
and Python are told to trust the authority.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile


ISSUE = """#!/bin/sh
# issue.sh NAME: NAME.pem and NAME.key, signed by the authority.
set -e
cd "$(dirname "$0")"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/O=aft/CN=$1" \\
  -keyout "$1.key.new" -out "$1.csr" 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' >"$1.ext"
openssl x509 -req -in "$1.csr" -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \\
  -extfile "$1.ext" -out "$1.pem.new" 2>/dev/null
mv "$1.key.new" "$1.key"
mv "$1.pem.new" "$1.pem"
"""


def make_certificates(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", "/CN=test authority", "-days", "2",
                    "-keyout", folder / "authority.key", "-out", folder / "authority.pem"],
                   check=True, stderr=subprocess.DEVNULL)
    issue = folder / "issue.sh"
    issue.write_text(ISSUE)
    for name in ("server", "client"):
        subprocess.run(["sh", issue, name], check=True)
    for variable in ("CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"):
        os.environ[variable] = str(folder / "authority.pem")
    os.environ["AFT_TLS"] = str(folder)
    return ["--tls-certificate", folder / "server.pem", "--tls-key", folder / "server.key",
            "--tls-clients", folder / "authority.pem"]


def main():
    server_program, *client = sys.argv[1:]
    tls = client[0] == "--tls"
    client = client[tls:]
    if not shutil.which(client[0]):
        print(f"SKIPPED: there is no {client[0]}")
        return 77
    if tls and not shutil.which("openssl"):
        print("SKIPPED: there is no openssl")
        return 77
    folder, certificates = tempfile.TemporaryDirectory(), tempfile.TemporaryDirectory()
    options = make_certificates(pathlib.Path(certificates.name)) if tls else []
    server = subprocess.Popen([server_program, "--port", "0", "--static", folder.name, *options],
                              stdout=subprocess.PIPE, text=True)
    os.environ["AFT_SERVER"] = str(server.pid)
    try:
        line = server.stdout.readline()
        found = re.fullmatch(r"listening on (https?://\S+)\n", line)
        if not found:
            print(f"the server said {line!r}")
            return 1
        result = subprocess.run([*client, found.group(1), folder.name], timeout=120).returncode
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(30)
    if status != 0:
        print(f"the server ended with {status}")
        return 1
    return result


if __name__ == "__main__":
    sys.exit(main())
