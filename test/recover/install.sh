#!/usr/bin/env bash
# Installs what the tests of recovery run for real where it is missing: PostgreSQL, QEMU (its guest is a boot sector of
# our own), libvirt, supervisord, systemd-nspawn and git, from Debian's packages. No cluster is made; services that the
# packages would start are not.
set -euo pipefail
missing=()
ls /usr/lib/postgresql/*/bin/pg_ctl >/dev/null 2>&1 || missing+=(postgresql)
command -v qemu-system-x86_64 >/dev/null || missing+=(qemu-system-x86)
command -v qemu-img >/dev/null || missing+=(qemu-utils)
command -v git >/dev/null || missing+=(git)
[ -x /usr/sbin/libvirtd ] || missing+=(libvirt-daemon libvirt-daemon-driver-qemu)
command -v virsh >/dev/null || missing+=(libvirt-clients)
command -v supervisord >/dev/null || missing+=(supervisor)
command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
[ ${#missing[@]} -eq 0 ] && exit 0
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
echo "installing: ${missing[*]}"
as_root apt-get update -qq
case " ${missing[*]} " in *" postgresql "*)
  as_root mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  ;;
esac
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
