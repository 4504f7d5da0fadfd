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

/** Refuses a device that holds anything: $1 the device. */
export const CHECK_EMPTY = `set -eu
found=$(wipefs -n "$1")
if [ -n "$found" ]; then echo "$1 is not empty:" >&2; echo "$found" >&2; exit 1; fi
`;

/** Makes a physical volume of a device that holds nothing: $1 the device. */
export const PVCREATE_EMPTY = `${CHECK_EMPTY}exec pvcreate -y "$1"
`;

/** The command that runs one of these. */
export function script(text: string, ...args: readonly string[]): readonly string[] {
  return ['sh', '-c', text, 'latido', ...args];
}
