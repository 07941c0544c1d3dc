#!/usr/bin/env bash
# Builds a real API server (etcd, kube-apiserver, kube-controller-manager) and kwok from Go modules, once: about a quarter
# of an hour on two cores, then kept in the cache folder that this prints. Needs Go 1.25 or newer.
set -euo pipefail
kubernetes=1.35.4
etcd=3.6.5
kwok=0.7.0
cache=${XDG_CACHE_HOME:-$HOME/.cache}/faultwright/kubernetes-$kubernetes
if [ -x "$cache/kwok" ] && [ -x "$cache/etcd" ] && [ -x "$cache/kube-apiserver" ] && [ -x "$cache/kube-controller-manager" ]; then
  echo "$cache"
  exit 0
fi
command -v go >/dev/null || { echo "no Go here" >&2; exit 1; }
mkdir -p "$cache"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFLAGS=-mod=mod CGO_ENABLED=0
build() { # build NAME PACKAGE: in the current module, whole or not at all
  [ -x "$cache/$1" ] && return
  nice go build -trimpath -ldflags "-s -w ${3:-}" -o "$cache/$1.part" "$2"
  mv "$cache/$1.part" "$cache/$1"
}
# The release has its libraries as folders of its own; as modules they carry the version 0.x.
staging=0.${kubernetes#*.}
mkdir "$work/kubernetes" && cd "$work/kubernetes"
go mod init faultwright/kubernetes 2>/dev/null
go mod edit -require "k8s.io/kubernetes@v$kubernetes"
dir=$(go mod download -json "k8s.io/kubernetes@v$kubernetes" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
sed -n 's#^\t\(k8s.io/[a-z0-9-]*\) => ./staging/.*#\1#p; s#^replace \(k8s.io/[a-z0-9-]*\) => ./staging/.*#\1#p' "$dir/go.mod" |
  while read -r module; do go mod edit -replace "$module=$module@v$staging"; done
# Without these it tells every client that it is version 0.0.0.
v="-X k8s.io/component-base/version.gitVersion=v$kubernetes -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=35"
build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "$v" >&2
build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "$v" >&2
mkdir "$work/etcd" && cd "$work/etcd"
go mod init faultwright/etcd 2>/dev/null
go mod edit -require "go.etcd.io/etcd/server/v3@v$etcd"
build etcd go.etcd.io/etcd/server/v3 >&2
mkdir "$work/kwok" && cd "$work/kwok"
go mod init faultwright/kwok 2>/dev/null
go mod edit -require "sigs.k8s.io/kwok@v$kwok"
build kwok sigs.k8s.io/kwok/cmd/kwok >&2
echo "$cache"
