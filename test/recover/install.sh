#!/usr/bin/env bash
# Installs what the tests of recovery run for real where it is missing: PostgreSQL, QEMU with a kernel and busybox for
# its guest, virsh; from Debian's packages, without services started.
set -euo pipefail
missing=()
ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || missing+=(postgresql)
command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
command -v qemu-img >/dev/null || missing+=(qemu-utils)
command -v virsh >/dev/null || missing+=(libvirt-clients)
command -v busybox >/dev/null || missing+=(busybox-static)
command -v cpio >/dev/null || missing+=(cpio)
command -v git >/dev/null || missing+=(git)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/faultwright/guest-kernel"
[ ${#missing[@]} -eq 0 ] && [ -e "$cache/vmlinuz" ] && exit 0
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
echo "installing: ${missing[*]:-} (and a guest kernel where missing)"
as_root apt-get update -qq
if [ ${#missing[@]} -gt 0 ]; then
  DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
if [ ! -e "$cache/vmlinuz" ]; then
  # Only the files are wanted: installing the package would build an initramfs and touch the boot loader.
  mkdir -p "$cache"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  apt-get download -qq "$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/{print $2; exit}')"
  dpkg-deb -x ./*.deb root
  cp "$(find root/lib/modules -name 'pvpanic*.ko' -o -name 'virtio_blk.ko' | tr '\n' ' ' | xargs -n1 | head -9 >list; head -1 list >/dev/null; echo list)" "$cache/list" 
  for module in $(cat list); do cp "$module" "$cache/"; done
  cp root/boot/vmlinuz-* "$cache/vmlinuz"
fi
