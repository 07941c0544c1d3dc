#!/usr/bin/env bash
# Makes the Python environment of the River rival (river, confluent-kafka, opentelemetry-proto from PyPI, about 250 MB)
# in ~/.cache/faultwright, once, and prints the path of its python. Needs python3 with venv.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=$(sha256sum "$here/requirements.txt" | cut -c1-12)
dir=${XDG_CACHE_HOME:-$HOME/.cache}/faultwright/river-$version
if [ ! -x "$dir/bin/python" ]; then
  mkdir -p "$(dirname "$dir")"
  # Made elsewhere and moved: an installation that was cut off leaves no half environment.
  work=$(mktemp -d "$dir.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  echo "installing River and its Kafka client into $dir" >&2
  python3 -m venv "$work" >&2
  "$work/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  mv -T "$work" "$dir" || [ -x "$dir/bin/python" ]
fi
echo "$dir/bin/python"
