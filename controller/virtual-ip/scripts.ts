// The shell scripts about the virtual IP that run on nodes, as constants: whatever varies is a positional parameter. Pure.
// They stand here, below kinds and simulator, so that both mean the same text.

/** A configuration without the values of its secrets: $1 the file. Whole lines, the last one too. */
const MASKED = `LC_ALL=C
export LC_ALL
masked() { sed -E -e 's/^([[:space:]]*auth_pass[[:space:]]+).*/\\1…/' -e 's/^([0-9]+[[:space:]]+(sha1|md5)[[:space:]]+).*/\\1…/' -e '$a\\' "$1"; }
`;

/** Is there from before a program's files change until it has read them, so that whoever comes later knows. It goes with the power, as the program does. */
export function behindFile(program: 'keepalived' | 'heartbeat'): string {
  return `/run/latido-${program}.behind`;
}

/**
 * What a node's programs are told to do and say of themselves; values of secrets are left out on the node already.
 * The state of keepalived is what it notes itself at each transition (see keepalived-text.ts): its own dump would need a signal,
 * which kills a keepalived that is just starting, and a file in /tmp.
 */
export const READ_VIRTUAL_IP = `set -u
${MASKED}text() {
  if [ -f "$1" ]; then echo "@file $1"; masked "$1" | sed 's/^/ /'; fi
}
service() {
  echo "@program $1 $(systemctl is-active "$1" 2> /dev/null) $(systemctl is-enabled "$1" 2> /dev/null)"
  if [ -e "/run/latido-$1.behind" ]; then echo "@behind $1"; fi
}
if command -v keepalived > /dev/null; then
  service keepalived
  text /etc/keepalived/keepalived.conf
  for file in /etc/keepalived/conf.d/latido-*.conf; do text "$file"; done
  find /run -maxdepth 1 -name 'latido-vip-*' -printf '@state %f %T@\\n'
fi
if [ -x /usr/libexec/heartbeat/heartbeat ] || [ -x /usr/lib/heartbeat/heartbeat ]; then
  service heartbeat
  for file in ha.cf haresources authkeys; do text "/etc/ha.d/$file"; done
  if systemctl is-active heartbeat > /dev/null 2>&1; then
    echo "@resources $(timeout 5 cl_status rscstatus 2> /dev/null)"
    for node in $(timeout 5 cl_status listnodes 2> /dev/null); do echo "@peer $node $(timeout 5 cl_status nodestatus "$node" 2> /dev/null)"; done
  fi
fi
echo @end
`;

/**
 * Puts our part of keepalived's configuration in force, once keepalived itself has found no fault in the whole with it: $1 name, $2 first
 * line of a main file of ours, $3 that main file, $4 `keep`: the main file that is there reads our part and stays; or the digest (of it
 * without secrets) of one that may be put aside; or nothing. Our part comes on standard input.
 */
export const WRITE_KEEPALIVED = `set -eu
${MASKED}umask 077
main=/etc/keepalived/keepalived.conf
parts=/etc/keepalived/conf.d
check=$parts/.latido-check
trap 'rm -rf "$check" "$main.latido"' EXIT
rm -rf "$check"
mkdir -p "$check"
for file in "$parts"/latido-*.conf; do
  if [ -e "$file" ]; then cp "$file" "$check/"; fi
done
cat > "$check/latido-$1.conf"
if [ "$(tail -n 1 "$check/latido-$1.conf")" != '# end' ]; then echo 'the text broke off on its way' >&2; exit 1; fi
if [ "$4" = keep ]; then
  cp "$main" "$main.latido"
else
  if [ -e "$main" ] && [ "$(head -n 1 "$main")" != "$2" ]; then
    if [ -z "$4" ] || [ "$(masked "$main" | sha256sum | cut -c 1-64)" != "$4" ]; then echo "$main is not the one that was planned on" >&2; exit 1; fi
    cp -p "$main" "$main.before-latido"
  fi
  printf '%s' "$3" > "$main.latido"
  chmod 0644 "$main.latido"
fi
sed "s|$parts/latido-|$check/latido-|" "$main.latido" > "$check/main"
keepalived -t -f "$check/main"
sync "$check/latido-$1.conf" "$main.latido"
: > ${behindFile('keepalived')}
mv -f "$check/latido-$1.conf" "$parts/latido-$1.conf"
if [ "$4" != keep ]; then mv -f "$main.latido" "$main"; fi
sync "$parts" /etc/keepalived
`;

/** keepalived reads its files anew without letting go of the address; where it does not run it is started, now and with the node. */
export const START_KEEPALIVED = `set -eu
systemctl enable keepalived
systemctl reload-or-restart keepalived
rm -f ${behindFile('keepalived')}
`;

/** Takes our part away again: $1 name, $2 first line of a main file of ours. The address is let go of before the last trace of it is. */
export const REMOVE_KEEPALIVED = `set -eu
umask 077
main=/etc/keepalived/keepalived.conf
parts=/etc/keepalived/conf.d
part=$parts/latido-$1.conf
others=no
for file in "$parts"/latido-*.conf; do
  if [ -e "$file" ] && [ "$file" != "$part" ]; then others=yes; fi
done
if [ "$others" = no ] && [ -e "$main" ] && [ "$(head -n 1 "$main")" = "$2" ]; then
  systemctl disable --now keepalived
  rm -f "$main" ${behindFile('keepalived')}
elif [ -e "$part" ]; then
  first=$(head -n 1 "$part")
  printf '%s\\n' "$first" > "$part"
  if systemctl is-active keepalived > /dev/null; then systemctl reload keepalived; fi
fi
rm -f "$part" "/run/latido-vip-$1.MASTER" "/run/latido-vip-$1.BACKUP" "/run/latido-vip-$1.FAULT" "/run/latido-vip-$1.STOP"
sync /etc/keepalived
`;

/** Puts heartbeat's three files in force: $1 the first line of an ha.cf of ours, $2 the digest of the ha.cf that may be put aside, or nothing. They come on standard input. */
export const WRITE_HEARTBEAT = `set -eu
${MASKED}umask 077
dir=/etc/ha.d
new=$dir/.latido
trap 'rm -rf "$new"' EXIT
rm -rf "$new"
mkdir -p "$new"
awk -v dir="$new" '/^### (ha.cf|haresources|authkeys)$/ { out = dir "/" $2; next } out != "" { print > out }'
if [ "$(tail -n 1 "$new/ha.cf")" != '# end' ]; then echo 'the text broke off on its way' >&2; exit 1; fi
if [ -e "$dir/ha.cf" ] && [ "$(head -n 1 "$dir/ha.cf")" != "$1" ]; then
  if [ -z "$2" ] || [ "$(masked "$dir/ha.cf" | sha256sum | cut -c 1-64)" != "$2" ]; then echo "$dir/ha.cf is not the one that was planned on" >&2; exit 1; fi
  for file in ha.cf haresources authkeys; do
    if [ -e "$dir/$file" ]; then cp -p "$dir/$file" "$dir/$file.before-latido"; fi
  done
fi
chmod 0644 "$new/ha.cf" "$new/haresources"
chmod 0600 "$new/authkeys"
sync "$new/authkeys" "$new/haresources" "$new/ha.cf"
: > ${behindFile('heartbeat')}
mv -f "$new/authkeys" "$new/haresources" "$dir/"
mv -f "$new/ha.cf" "$dir/ha.cf"
sync "$dir"
`;

/** Stops heartbeat and takes its files away, if they are ours: $1 the first line of an ha.cf of ours. */
export const REMOVE_HEARTBEAT = `set -eu
dir=/etc/ha.d
if [ ! -e "$dir/ha.cf" ] || [ "$(head -n 1 "$dir/ha.cf")" != "$1" ]; then exit 0; fi
systemctl disable --now heartbeat
rm -f "$dir/authkeys" "$dir/haresources" ${behindFile('heartbeat')}
rm -f "$dir/ha.cf"
sync "$dir"
`;

/** Starts heartbeat, or starts it anew, and waits until it knows what it has and is no longer in between: $1 start or restart. */
export const START_HEARTBEAT = `set -eu
if [ "$1" = restart ]; then systemctl restart heartbeat; fi
systemctl enable --now heartbeat
rm -f ${behindFile('heartbeat')}
tries=0
while [ "$tries" -lt 90 ]; do
  case "$(timeout 5 cl_status rscstatus 2> /dev/null)" in
    none|local|foreign|all) exit 0 ;;
  esac
  tries=$((tries + 1))
  sleep 1
done
echo 'heartbeat runs, and does not say which resources it has' >&2
exit 1
`;
