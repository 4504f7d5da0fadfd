#!/usr/bin/env bash
# The disk that every machine of the lab starts from: Debian's kernel with its drbd module, LVM, sshd, and nothing else.
# In: a folder for what can be kept. Out: the folder of the image as the last line. Packages come from where this machine's own apt
# takes them; none of their scripts is run. Exit code 3: this machine cannot do it, and the last line of standard error says why.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"; cache=$(cd "$1" && pwd)
packages="bash dash coreutils sed grep gawk findutils diffutils util-linux mount hostname procps libc-bin login passwd base-files
  busybox-static kmod udev dmsetup lvm2 e2fsprogs openssh-server iproute2 drbd-utils"
# Loaded before the root disk can be mounted, in this order; what a kernel has built in is missing and passed by.
boot_modules="virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk crc16 mbcache jbd2 crc32c_generic ext4"
kept_modules="arch/x86/crypto crypto lib drivers/block drivers/md drivers/net/virtio_net.ko drivers/net/net_failover.ko drivers/virtio
  drivers/char/hw_random fs/ext4 fs/jbd2 fs/mbcache.ko net/core"
machines=2

# Two that begin at once make one image.
exec 9> "$cache/lock"; flock 9
cannot() { echo "$*" >&2; exit 3; }
say() { echo "image: $*" >&2; }
[ "$(id -u)" = 0 ] || cannot 'the image of the machines can only be made by root'
[ "$(uname -m)" = x86_64 ] || cannot "the machines are x86_64, and this one is $(uname -m)"
command -v apt-get > /dev/null && command -v dpkg-deb > /dev/null || cannot 'this machine has no apt, from which the image is made'

missing=''
has() { command -v "$1" > /dev/null || missing="$missing $2"; }
has qemu-system-x86_64 qemu-system-x86; has mkfs.ext4 e2fsprogs; has ssh openssh-client; has zstd zstd
if [ -n "$missing" ]; then
  say "installing$missing"
  # shellcheck disable=SC2086
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } > /dev/null 2>&1 || cannot "could not be installed:$missing"
fi

# A module that is not Debian's, built for this kernel, comes before its own: DRBD 9.
own_modules=${LATIDO_REAL_MODULES:-}
id=$({ cat "$here"/guest/* "$0" /etc/os-release; [ -z "$own_modules" ] || cat "$own_modules"/*.ko; } | sha256sum | cut -c1-12)
image=$cache/image-$id
[ ! -e "$image/ok" ] || { echo "$image"; exit; }

started=$SECONDS
say "building $id, which takes about a minute"
mkdir -p "$cache/apt/archives/partial"
work=$(mktemp -d "$cache/work-XXXXXX"); root=$work/root
trap 'rm -rf "$work"' EXIT
rm -rf "$image"; mkdir -p "$image" "$root"
# As if nothing were installed.
: > "$work/status"
apt=(-q -y -o Dir::State::status="$work/status" -o Dir::Cache::archives="$cache/apt/archives" -o APT::Install-Recommends=0 -o Debug::NoLocking=1 -o APT::Sandbox::User=root)
download() {
  kernel=$(apt-cache depends linux-image-amd64 2> /dev/null | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  # shellcheck disable=SC2086
  [ -n "$kernel" ] && apt-get "${apt[@]}" --download-only install $packages > "$work/apt.log" 2>&1 && (cd "$cache/apt" && apt-get "${apt[@]}" download "$kernel" >> "$work/apt.log" 2>&1)
}
download || { apt-get update -qq > /dev/null 2>&1; download; } || cannot "the packages of the image could not be had: $(tail -n 1 "$work/apt.log" 2> /dev/null || echo 'no linux-image-amd64')"
# shellcheck disable=SC2086
apt-get "${apt[@]}" -s install $packages | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\).*/\1 \2/p' > "$image/packages"
echo "$kernel $(apt-cache policy "$kernel" | sed -n 's/.*Candidate: //p')" >> "$image/packages"
say "$(wc -l < "$image/packages") packages after $((SECONDS - started)) s"

# Unpacked here it need not be at each boot, by a processor that is imitated. It lies where the head of the boot file says.
unpacked() { # FILE
  local at; number() { od -An -tu"$2" -j "$1" -N "$2" "$3" | tr -d ' '; }
  at=$(( ($(number 497 1 "$1") + 1) * 512 + $(number 584 4 "$1") ))
  tail -c "+$((at + 1))" "$1" | head -c "$(($(number 588 4 "$1") - 4))" > "$work/packed"
  { xz -dc --single-stream "$work/packed" || zstd -dc "$work/packed"; } 2> /dev/null
}
mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
while read -r name version; do
  file=$(ls "$cache"/apt/archives/"${name}_${version//:/%3a}"_*.deb "$cache"/apt/"${name}_${version//:/%3a}"_*.deb 2> /dev/null | head -n 1 || true)
  [ -n "$file" ] || cannot "the package $name $version was not downloaded"
  dpkg-deb --fsys-tarfile "$file" | tar -x -C "$root" --keep-directory-symlink --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' --exclude='*/kernel/sound' --exclude='*/kernel/drivers/gpu' --exclude='*/kernel/drivers/media'
done < "$image/packages"
release=$(basename "$root"/lib/modules/*)
modules=$root/lib/modules/$release
unpacked "$root/boot/vmlinuz-$release" > "$image/kernel" || cp "$root/boot/vmlinuz-$release" "$image/kernel"; rm -rf "${root:?}/boot"/*
mkdir "$work/kept"
(cd "$modules/kernel" && for place in $kept_modules; do
  # Newer kernels have their modules compressed.
  for found in "$place" "$place.xz"; do [ ! -e "$found" ] || cp --parents -r "$found" "$work/kept/"; done
done)
rm -rf "$modules/kernel"; mv "$work/kept" "$modules/kernel"
if [ -n "$own_modules" ]; then mkdir "$modules/updates"; cp "$own_modules"/*.ko "$modules/updates/"; fi
chroot "$root" /sbin/depmod "$release"; chroot "$root" /sbin/ldconfig

# What the packages' own scripts would have left behind.
ln -sf gawk "$root/usr/bin/awk"; ln -sf ../bin/busybox "$root/usr/sbin/init"
mkdir -p "$root"/{proc,sys,dev,run,tmp,root/.ssh,etc/ssh,etc/machines,etc/lvm,var/log,var/lib/drbd}
rm -rf "$root/var/run" "$root/var/lock"; ln -s ../run "$root/var/run"; ln -s ../run/lock "$root/var/lock"
printf 'root:x:0:0:root:/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' > "$root/etc/passwd"
printf 'root:x:0:\ntty:x:5:\ndisk:x:6:\nkmem:x:15:\nnogroup:x:65534:\n' > "$root/etc/group"
printf 'root:*:19000:0:99999:7:::\n' > "$root/etc/shadow"; chmod 600 "$root/etc/shadow"
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n' > "$root/etc/nsswitch.conf"
printf 'HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\nUsePAM no\nUseDNS no\nPrintMotd no\n' > "$root/etc/ssh/sshd_config"
ssh-keygen -q -t ed25519 -N '' -C latido-lab -f "$image/key"
cp "$image/key.pub" "$root/root/.ssh/authorized_keys"; chmod 700 "$root/root" "$root/root/.ssh"
for number in $(seq "$machines"); do
  ssh-keygen -q -t ed25519 -N '' -C "machine $number" -f "$root/etc/machines/$number"
  cut -d' ' -f1,2 "$root/etc/machines/$number.pub" > "$image/host-$number.pub"
done
cp "$here/guest/inittab" "$root/etc/inittab"
install -m 755 "$here/guest/boot" "$root/usr/sbin/machine-boot"
install -D -m 644 "$here/guest/global_common.conf" "$root/etc/drbd.d/global_common.conf"

early=$work/early
mkdir -p "$early/bin" "$early/modules"
cp "$root/bin/busybox" "$early/bin/busybox"; install -m 755 "$here/guest/early" "$early/init"
for module in $boot_modules; do
  found=$(find "$modules/kernel" -name "$module.ko*" | head -n 1)
  [ -n "$found" ] || continue
  if [ "${found##*.}" = xz ]; then xz -dc "$found" > "$early/modules/$module.ko"; else cp "$found" "$early/modules/"; fi
  echo "$module.ko" >> "$early/modules/order"
done
(cd "$early" && find . | "$root/bin/busybox" cpio -o -H newc 2> /dev/null) > "$image/initrd"
truncate -s 2G "$image/root.raw"
# With a journal: the power of a machine may go at any moment.
mkfs.ext4 -q -F -d "$root" -J size=8 -O ^metadata_csum -E lazy_itable_init=1 "$image/root.raw"
: > "$image/ok"
# Of images, the newest is enough.
for old in "$cache"/image-*; do [ "$old" = "$image" ] || rm -rf "$old"; done
say "ready after $((SECONDS - started)) s, $(du -sh "$image" | cut -f1)"
echo "$image"
