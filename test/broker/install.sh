#!/usr/bin/env bash
# Installs what the test broker needs where it is missing: a Java runtime (17 or newer), Maven, and
# openssl for certificates, from Debian's packages.
set -euo pipefail
command -v java >/dev/null && command -v mvn >/dev/null && command -v openssl >/dev/null && exit 0
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
as_root apt-get update -qq
as_root apt-get install -y -qq --no-install-recommends default-jre-headless maven openssl
