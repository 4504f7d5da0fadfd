#!/usr/bin/env bash
# The programs that keep an address, unpacked for the nodes to see over this machine's own files; nothing is installed here.
# In: a folder for what can be kept. Out: the folder of the programs as the last line. Exit code 3: this machine cannot do it,
# and the last line of standard error says why.
set -euo pipefail
mkdir -p "$1"; cache=$(cd "$1" && pwd)
packages='keepalived heartbeat iputils-ping iproute2 util-linux procps'
cannot() { echo "$*" >&2; exit 3; }
[ "$(id -u)" = 0 ] || cannot 'namespaces for the nodes can only be made by root'
command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null || cannot 'this machine has no apt, from which keepalived and heartbeat come'
exec 9> "$cache/lock"; flock 9
command -v ip > /dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends iproute2; } > /dev/null 2>&1 || true
for program in ip unshare nsenter; do command -v "$program" > /dev/null || cannot "this machine has no $program"; done
unshare -m -n -u -i -p -f true 2> /dev/null || cannot 'this machine lets nobody make namespaces'

id=$({ cat "$0" /etc/os-release /var/lib/dpkg/status; } | sha256sum | cut -c1-12)
programs=$cache/programs-$id
if [ ! -e "$programs.ok" ]; then
  archives=$cache/archives
  mkdir -p "$archives/partial"
  work=$(mktemp -d "$cache/work-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  apt=(-q -y -o Dir::Cache::archives="$archives" -o APT::Install-Recommends=0 -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
  # shellcheck disable=SC2086
  download() { apt-get "${apt[@]}" --download-only install $packages > "$work/apt.log" 2>&1; }
  download || { apt-get update -qq > /dev/null 2>&1; download; } || cannot "the packages could not be had: $(tail -n 1 "$work/apt.log")"
  mkdir -p "$work/root/usr"
  # shellcheck disable=SC2086
  apt-get "${apt[@]}" -s install $packages | sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\).*/\1 \2/p' | while read -r name version; do
    for file in "$archives/${name}_${version//:/%3a}"_*.deb; do dpkg-deb --fsys-tarfile "$file" | tar -x -C "$work/root"; done
  done
  for folder in bin sbin lib lib64; do
    [ ! -d "$work/root/$folder" ] || { mkdir -p "$work/root/usr/$folder"; cp -a "$work/root/$folder/." "$work/root/usr/$folder/"; rm -rf "${work:?}/root/$folder"; }
  done
  rm -rf "$programs"; mv "$work/root" "$programs"; touch "$programs.ok"
fi
echo "$programs"
