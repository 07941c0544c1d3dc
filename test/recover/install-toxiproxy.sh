#!/usr/bin/env bash
# Builds toxiproxy, with which the tests put trouble between us and a receiver, where it is missing. Needs Go; without it
# the tests of trouble on the way are a stated skip (with CI=true and Go present they must run).
set -euo pipefail
version=v2.5.0
bin="${FAULTWRIGHT_CACHE:-$HOME/.cache/faultwright}/toxiproxy-$version"
[ -x "$bin/server" ] && exit 0
command -v toxiproxy-server >/dev/null && exit 0
if ! command -v go >/dev/null; then
  echo "no Go here: toxiproxy is not built"
  exit 0
fi
mkdir -p "$bin"
GOBIN="$bin" GOFLAGS=-mod=mod go install "github.com/Shopify/toxiproxy/v2/cmd/server@$version"
