// The words of `drbdadm`: which commands there are, and which options each takes. In: its arguments. Out: them apart, or its own
// complaint.
/** Options that each command takes; a leading `=`: with a value. */
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'adjust': ['--dry-run', '-d'], 'up': [], 'down': [], 'create-md': ['--force', '=--max-peers'], 'dump-md': [], 'wipe-md': [], 'primary': ['--force'], 'secondary': [], 'connect': ['--discard-my-data'], 'disconnect': [],
  'attach': [], 'detach': [], 'resize': ['--assume-clean', '=--size'], 'get-gi': [], 'show-gi': [], 'sh-nop': [], 'verify': ['=--start', '=--stop'], 'new-current-uuid': ['--clear-bitmap'],
  'role': [], 'cstate': [], 'dstate': [], 'status': [], 'outdate': [], 'invalidate': ['=--reset-bitmap'], 'sh-resources': [], 'sh-dev': [], 'sh-ll-dev': [], 'sh-minor': [], 'dump': [],
};

export interface Words { readonly command: string; readonly flags: ReadonlySet<string>; readonly values: ReadonlyMap<string, string>; readonly names: readonly string[]; readonly isDry: boolean; readonly configFile?: string; readonly testFile?: string }

export function wordsOf(words: readonly string[]): Words | string {
  const [flags, values, names] = [new Set<string>(), new Map<string, string>(), [] as string[]];
  let [command, configFile, testFile]: (string | undefined)[] = [];
  let isDry = false;
  let isBackend = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (!isBackend && (word === '-d' || word === '--dry-run')) isDry = true;
    else if (!isBackend && command === undefined && ['-c', '--config-file'].includes(word)) configFile = words[at += 1];
    else if (!isBackend && command === undefined && ['-t', '--config-to-test'].includes(word)) testFile = words[at += 1];
    else if (word === '--') isBackend = command === undefined;
    else if (word.startsWith('-')) {
      const [name = '', value] = word.split('=');
      const known = command === undefined ? undefined : OPTIONS[command];
      if (known && !known.includes(name) && !known.includes(`=${name}`)) return `drbdadm: unrecognized option '${word}'\ntry 'drbdadm help ${command}'`;
      if (!known && !isBackend) return `drbdadm: unrecognized option '${word}'\ntry 'drbdadm help'`;
      if (value === undefined) flags.add(name);
      else values.set(name, value);
    } else if (command === undefined) {
      if (!OPTIONS[word]) return `drbdadm: Unknown command '${word}'`;
      command = word;
    } else names.push(word);
  }
  if (command === undefined) return '\nUSAGE: drbdadm COMMAND [OPTION...] {all|RESOURCE...}\n';
  // What stands before the command goes to drbdsetup or drbdmeta as it is.
  const passed = command === 'wipe-md' ? ['--force'] : [];
  const wrong = [...flags, ...values.keys()].find((name) => ![...(OPTIONS[command] ?? []), ...passed].some((one) => one.replace('=', '') === name));
  if (wrong !== undefined) return `drbdsetup: unrecognized option '${wrong}'`;
  return { command, flags, values, names, isDry, ...(configFile === undefined ? {} : { configFile }), ...(testFile === undefined ? {} : { testFile }) };
}

/** `--start` counts sectors. */
export function bytesAt(sectors: string | undefined): number | undefined {
  return sectors === undefined ? undefined : Number(sectors.replace(/s$/, '')) * 512;
}
