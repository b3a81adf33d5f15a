# SPDX-License-Identifier: Apache-2.0
"""A certificate of its own authority for 127.0.0.1, by openssl."""
import subprocess


def self_signed(crt, key, name):
    """Two days long; name: the common name."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt],
                   check=True, capture_output=True)
