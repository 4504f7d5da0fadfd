// The few shell scripts that run on nodes, as constants: whatever varies is a positional parameter. Pure.
// They stand here, below kinds and simulator, so that both mean the same text.

/**
 * Puts a resource file in force: $1 its name, $2 its mode; the text comes on standard input. It is checked together with all
 * other files in place of the old one, because one that drbdadm refuses would make it refuse every command on every resource.
 */
export const WRITE_RES = `set -eu
umask 077
dir=/etc/drbd.d
new=$dir/.$1.latido
conf=$dir/.$1.latido-check
trap 'rm -f "$new" "$conf"' EXIT
mkdir -p "$dir"
cat > "$new"
if [ "$(tail -n 1 "$new")" != '# end' ]; then echo 'the text broke off on its way' >&2; exit 1; fi
{
  if [ -e "$dir/global_common.conf" ]; then printf 'include "%s";\\n' "$dir/global_common.conf"; fi
  for file in "$dir"/*.res; do
    if [ -e "$file" ] && [ "$file" != "$dir/$1.res" ]; then printf 'include "%s";\\n' "$file"; fi
  done
  printf 'include "%s";\\n' "$new"
} > "$conf"
drbdadm -c "$conf" sh-nop > /dev/null
chmod "$2" "$new"
sync "$new"
mv -f "$new" "$dir/$1.res"
sync "$dir"
`;

/** Takes our mark off a resource file: $1 its name, $2 the mark. Everything else of it stays. */
export const RELEASE_RES = `set -eu
umask 077
file=/etc/drbd.d/$1.res
new=/etc/drbd.d/.$1.latido
trap 'rm -f "$new"' EXIT
case "$(head -n 1 "$file")" in
  "# latido $2 reclaim="*) ;;
  *) exit 0 ;;
esac
tail -n +2 "$file" > "$new"
chmod --reference="$file" "$new"
sync "$new"
mv -f "$new" "$file"
sync /etc/drbd.d
`;

/**
 * Makes a logical volume and empties its beginning: $1 group, $2 name, $3 size, $4 tag. LVM wipes what it knows the signature of, and
 * drbdmeta makes no metadata on a volume in whose first 68 KiB it finds anything, as may lie there from one that was removed.
 */
export const MAKE_VOLUME = `set -eu
lvcreate -y -Wy -Zy -n "$2" -L "$3" --addtag "$4" "$1"
if ! dd if=/dev/zero of="/dev/$1/$2" bs=64k count=16 conv=notrunc,fsync status=none; then
  lvremove -y "$1/$2"
  exit 1
fi
`;

/** Refuses a device that holds anything: $1 the device. */
export const CHECK_EMPTY = `set -eu
found=$(wipefs -n "$1")
if [ -n "$found" ]; then echo "$1 is not empty:" >&2; echo "$found" >&2; exit 1; fi
`;

/** Makes a physical volume of a device that holds nothing: $1 the device. */
export const PVCREATE_EMPTY = `${CHECK_EMPTY}exec pvcreate -y "$1"
`;

/** What is known of comparisons, on the node that began them: `due`, `begun`, `ended` in seconds since the epoch, `found PEER BYTES`. */
export const VERIFY_NOTES = '/var/lib/latido-drbd';

/**
 * Begins to compare the copies of a resource: $1 its name, $2 the moment for which it was due, $3 the sector to begin at or `-` for
 * where it was broken off, then what drbdadm is to compare. The note is ready before and in force after: what it tells of did begin,
 * and a disk that is full is told before anything begins.
 */
export const BEGIN_VERIFY = `set -eu
umask 022
dir=${VERIFY_NOTES}
name=$1
due=$2
start=$3
shift 3
note=$dir/verify-$name
trap 'rm -f "$dir/.$name.new"' EXIT
mkdir -p "$dir"
printf 'due %s\nbegun %s\n' "$due" "$(date +%s)" > "$dir/.$name.new"
sync "$dir/.$name.new"
for target in "$@"; do
  if [ "$start" = - ]; then drbdadm verify "$target"; else drbdadm -- --start="$start" verify "$target"; fi
done
mv -f "$dir/.$name.new" "$note"
sync "$dir"
`;

/** Notes what a comparison found: $1 the resource, $2 the moment for which it was due, then `PEER BYTES` each. Of another one it writes nothing. */
export const END_VERIFY = `set -eu
umask 022
dir=${VERIFY_NOTES}
name=$1
due=$2
shift 2
note=$dir/verify-$name
if [ "$(head -n 1 "$note")" != "due $due" ]; then echo "$note is of another comparison" >&2; exit 1; fi
trap 'rm -f "$dir/.$name.new"' EXIT
{
  head -n 2 "$note"
  printf 'ended %s\n' "$(date +%s)"
  for found in "$@"; do printf 'found %s\n' "$found"; done
} > "$dir/.$name.new"
sync "$dir/.$name.new"
mv -f "$dir/.$name.new" "$note"
sync "$dir"
`;

/** Tells all notes, `verify NAME` before each; and, while one has no end, what the kernel said of comparisons. */
export const READ_VERIFIES = `set -eu
open=
for note in ${VERIFY_NOTES}/verify-*; do
  [ -e "$note" ] || continue
  printf 'verify %s\n' "\${note##*/verify-}"
  cat "$note"
  grep -q '^ended ' "$note" || open=yes
done
if [ -n "$open" ]; then dmesg | grep -E 'drbd.*(Starting Online Verify|Online verify (done|found))' | tail -n 500; fi
exit 0
`;

/** The command that runs one of these. */
export function script(text: string, ...args: readonly string[]): readonly string[] {
  return ['sh', '-c', text, 'latido', ...args];
}
