// LVM's programs. In: their words. Out: what they print, and 0, 5 (it failed) or 3 (wrong words).
// Must never take an option that is not known here: it may mean something.
import type { Simulation } from '../simulation.ts';
import { noteLost, mirrorLabel } from './data.ts';
import { duplicatesOf, filterOf, groupSizes, groupsOf, hostOf, isAccepted, isUsed, lvmUuid, mediumAt, physicalVolumes, volumesIn } from './devices.ts';
import type { SeenGroup } from './devices.ts';
import { COLUMNS, DEFAULT_COLUMNS, fullReport, groupRows, physicalRows, shownRow, volumeRows } from './lvm-report.ts';
import type { Reported, Row } from './lvm-report.ts';
import type { Output, Run } from './output.ts';
import type { Host, Medium } from './state.ts';

const EXTENT = 4 * 2 ** 20;
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  vgs: ['--nosuffix', '--noheadings', '-a'], lvs: ['--nosuffix', '--noheadings', '-a'], pvs: ['--nosuffix', '--noheadings', '-a'],
  lvcreate: ['-y', '--yes', '-q'], lvextend: ['-y', '--yes', '-q'], lvremove: ['-y', '--yes', '-f', '--force', '-q'], lvchange: ['-y', '--yes', '-q'], vgchange: ['-y', '--yes', '-q'],
  vgcreate: ['-y', '--yes', '-q'], vgremove: ['-y', '--yes', '-f', '--force', '-q'], pvcreate: ['-y', '--yes', '-f', '-ff', '--force', '-q'], pvremove: ['-y', '--yes', '-f', '-ff', '--force', '-q'], pvresize: ['-y', '--yes', '-q'],
};
/** Options with a value. */
const VALUED: Readonly<Record<string, readonly string[]>> = {
  vgs: ['--reportformat', '--units', '-o', '--options'], lvs: ['--reportformat', '--units', '-o', '--options'], pvs: ['--reportformat', '--units', '-o', '--options'],
  lvcreate: ['-n', '--name', '-L', '--size', '-W', '--wipesignatures', '--addtag', '-l', '--extents', '-Z', '--zero'], lvextend: ['-L', '--size', '-l', '--extents'], lvchange: ['-a', '--activate', '--addtag', '--deltag'], vgchange: ['-a', '--activate', '--addtag', '--deltag'],
  vgcreate: ['-s', '--physicalextentsize', '--addtag'], pvcreate: ['--metadatasize', '--dataalignment'],
};
const LONG: Readonly<Record<string, string>> = { '--name': '-n', '--size': '-L', '--extents': '-l', '--options': '-o', '--activate': '-a', '--wipesignatures': '-W', '--yes': '-y', '--force': '-f' };

interface Words { readonly flags: ReadonlySet<string>; readonly values: ReadonlyMap<string, string>; readonly names: readonly string[] }

export function lvm(sim: Simulation, program: string, words: readonly string[], run: Run): number {
  if (program === 'lvm') return fullReport(sim, words, run);
  const parsed = wordsOf(program, words);
  if (typeof parsed === 'string') {
    run.output.err(`  ${program}: ${parsed}\n  Error during parsing of command line.\n`);
    return 3;
  }
  const duplicates = duplicatesOf(sim, run.node);
  for (const { device, pv, replica } of duplicates) run.output.err(replica ? `  WARNING: PV ${pv.uuid} prefers device ${device} because device is in subsystem.\n` : `  WARNING: Not using device ${device} for PV ${pv.uuid}.\n`);
  return new Lvm(sim, run, parsed).go(program);
}

function wordsOf(program: string, words: readonly string[]): Words | string {
  const [flags, values, names] = [new Set<string>(), new Map<string, string>(), [] as string[]];
  const [known, valued] = [FLAGS[program] ?? [], VALUED[program] ?? []];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const [long = '', value] = word.split(/=(.*)/s);
    const short = valued.find((option) => /^-[a-zA-Z]$/.test(option) && word.startsWith(option) && word.length > 2 && !word.startsWith('--'));
    if (known.includes(word)) flags.add(LONG[word] ?? word);
    else if (valued.includes(word)) values.set(LONG[word] ?? word, words[at += 1] ?? '');
    else if (word.startsWith('--') && value !== undefined && valued.includes(long)) values.set(LONG[long] ?? long, value);
    else if (short !== undefined) values.set(short, word.slice(2));
    else if (word === '--') continue;
    else if (word.startsWith('-')) return `unrecognized option '${word}'`;
    else names.push(word);
  }
  return { flags, values, names };
}

class Lvm {
  readonly #sim: Simulation;
  readonly #node: string;
  readonly #output: Output;
  readonly #words: Words;
  readonly #host: Host;

  constructor(sim: Simulation, { node, output }: Run, words: Words) {
    this.#sim = sim;
    this.#node = node;
    this.#output = output;
    this.#words = words;
    this.#host = hostOf(sim, node);
  }

  go(program: string): number {
    const [first = ''] = this.#words.names;
    switch (program) {
      case 'vgs': return this.#report('vg', groupRows(this.#sim, this.#node));
      case 'lvs': return this.#report('lv', volumeRows(this.#sim, this.#node));
      case 'pvs': return this.#report('pv', physicalRows(this.#sim, this.#node));
      case 'pvcreate': return this.#createPhysical(first);
      case 'pvremove': return this.#removePhysical(first);
      case 'pvresize': return this.#resizePhysical(first);
      // It looks at every device each time anyway.
      case 'vgcreate': return this.#createGroup(first, this.#words.names.slice(1));
      case 'vgremove': return this.#removeGroup(first);
      case 'vgchange': return this.#changeGroup(first);
      case 'lvcreate': return this.#createVolume(first);
      case 'lvextend': return this.#extendVolume(first);
      case 'lvremove': return this.#removeVolume(first);
      default: return this.#changeVolume(first);
    }
  }

  #fail(text: string, code = 5): number {
    this.#output.err(text.split('\n').map((line) => `  ${line}\n`).join(''));
    return code;
  }

  #done(text: string): number {
    this.#output.out(`  ${text}\n`);
    return 0;
  }

  #group(name: string): SeenGroup | undefined {
    return groupsOf(this.#sim, this.#node).find(({ group }) => group.name === name.replace(/^\/dev\//, ''));
  }

  #noGroup(name: string): number {
    return this.#fail(`Volume group "${name}" not found\nCannot process volume group ${name}`);
  }

  /** What was written to a mirrored device is on its other copies too. */
  #written({ replica }: Pick<SeenGroup, 'replica'>): void {
    if (replica) mirrorLabel(this.#sim, this.#node, replica);
  }

  // Reports

  #report(what: Reported, rows: readonly Row[]): number {
    const format = this.#words.values.get('--reportformat');
    const [asked = ''] = (this.#words.names[0] ?? '').split('/');
    if (format !== 'json' && asked !== '' && what !== 'pv' && !this.#group(asked)) return this.#noGroup(asked);
    if (format !== 'json') return this.#fail(`only --reportformat json is simulated`, 3);
    const isInBytes = this.#words.values.get('--units') === 'b' && this.#words.flags.has('--nosuffix');
    const columns = (this.#words.values.get('-o') ?? DEFAULT_COLUMNS[what]).split(',');
    const wrong = columns.find((column) => !COLUMNS[what].includes(column));
    if (wrong !== undefined) return this.#fail(`Unrecognised field: ${wrong}`, 3);
    const [wanted] = this.#words.names;
    const chosen = rows.filter(({ key, fields }) => wanted === undefined || key === wanted || `${key}/${String(fields['lv_name'])}` === wanted.replace(/^\/dev\//, '') || fields['pv_name'] === wanted);
    const shown = chosen.map(({ fields }) => shownRow(fields, columns, isInBytes));
    const isMissing = wanted !== undefined && (what === 'lv' ? this.#group(wanted.split('/')[0] ?? '') === undefined : chosen.length === 0);
    this.#output.out('  {\n      "report": [\n');
    if (isMissing) this.#noGroup(wanted.split('/')[0] ?? '');
    this.#output.out(`          {\n              "${what}": [\n${shown.length > 0 ? `${shown.join(',\n')}\n` : ''}              ]\n          }\n      ]\n  }\n`);
    return isMissing ? 5 : 0;
  }

  // Physical volumes

  #createPhysical(device: string): number {
    const medium = this.#usable(device);
    if (typeof medium === 'number') return medium;
    if (medium.label?.kind === 'physical' && medium.label.group && !this.#words.flags.has('-ff')) return this.#fail(`Can't initialize physical volume "${device}" of volume group "${medium.label.group.name}" without -ff\n${device}: physical volume not initialized.`);
    if (medium.label?.kind === 'file-system') {
      if (!this.#words.flags.has('-y')) return this.#fail(`WARNING: ${medium.label.type} signature detected on ${device} at offset 1080. Wipe it? [y/n]: [n]\n  Aborted wiping of ${medium.label.type}.\n  1 existing signature left on the device.`);
      this.#done(`Wiping ${medium.label.type} signature on ${device}.`);
    }
    medium.label = { kind: 'physical', uuid: lvmUuid(() => this.#sim.random()), sizeBytes: this.#sizeOf(device, medium) };
    this.#mirrored(device);
    return this.#done(`Physical volume "${device}" successfully created.`);
  }

  #sizeOf(device: string, medium: Medium): number {
    const minor = /^\/dev\/drbd(\d+)$/.exec(device)?.[1];
    return minor === undefined ? medium.sizeBytes : Object.values(this.#host.replicas).find((one) => one.minor === Number(minor))?.sizeBytes ?? medium.sizeBytes;
  }

  /** What LVM may write to, or the exit code after saying why not. */
  #usable(device: string): Medium | number {
    const minor = /^\/dev\/drbd(\d+)$/.exec(device)?.[1];
    const replica = Object.values(this.#host.replicas).find((one) => one.minor === Number(minor ?? -1));
    const medium = mediumAt(this.#sim, this.#node, device);
    if (medium && !isAccepted(this.#host, device)) return this.#fail(`Cannot use ${device}: device is rejected by filter config`);
    if (replica && replica.role !== 'Primary') return this.#fail(`Cannot use ${device}: device is not readable (Wrong medium type)`);
    if (!medium) return this.#fail(`No device found for ${device}.`);
    if (isUsed(this.#sim, this.#node, device)) return this.#fail(`Can't open ${device} exclusively.  Mounted filesystem?\nCan't open ${device} exclusively.  Mounted filesystem?`);
    if (medium.failed) return this.#fail(`Error reading device ${device} at 0 length 4096.`);
    return medium;
  }

  #mirrored(device: string): void {
    const minor = /^\/dev\/drbd(\d+)$/.exec(device)?.[1];
    const replica = minor === undefined ? undefined : Object.values(this.#host.replicas).find((one) => one.minor === Number(minor));
    if (replica) mirrorLabel(this.#sim, this.#node, replica);
  }

  #removePhysical(device: string): number {
    const medium = this.#usable(device);
    if (typeof medium === 'number') return medium;
    if (medium.label?.kind !== 'physical') return this.#fail(`No PV found on device ${device}.`);
    if (medium.label.group) return this.#fail(`PV ${device} is used by VG ${medium.label.group.name} so please use vgreduce first.\n(If you are certain you need pvremove, then confirm by using --force twice.)\n${device}: physical volume label not removed.`);
    delete medium.label;
    this.#mirrored(device);
    return this.#done(`Labels on physical volume "${device}" successfully wiped.`);
  }

  #resizePhysical(device: string): number {
    const seen = physicalVolumes(this.#sim, this.#node).find((one) => one.device === device && isAccepted(this.#host, device));
    if (!seen) return this.#fail(`Failed to find physical volume "${device}".\n0 physical volume(s) resized or updated / 0 physical volume(s) not resized`);
    seen.pv.sizeBytes = this.#sizeOf(device, seen.medium);
    this.#mirrored(device);
    return this.#done(`Physical volume "${device}" changed\n  1 physical volume(s) resized or updated / 0 physical volume(s) not resized`);
  }

  // Groups

  #createGroup(name: string, devices: readonly string[]): number {
    const [device = ''] = devices;
    if (devices.length !== 1) return this.#fail('groups of one physical volume are all that is simulated', 3);
    if (this.#group(name) && this.#host.active.some((one) => one.startsWith(`${name}/`))) return this.#fail(`/dev/${name}: already exists in filesystem\nRun \`vgcreate --help' for more information.`, 3);
    if (this.#group(name)) return this.#fail(`A volume group called ${name} already exists.`);
    const medium = this.#usable(device);
    if (typeof medium === 'number') return medium;
    if (duplicatesOf(this.#sim, this.#node).some((one) => one.device === device)) return this.#fail(`Cannot use device ${device} with duplicates.`);
    if (medium.label?.kind === 'physical' && medium.label.group) return this.#fail(`Physical volume '${device}' is already in volume group '${medium.label.group.name}'\nUnable to add physical volume '${device}' to volume group '${name}'`);
    if (medium.label?.kind === 'file-system' && !this.#words.flags.has('-y')) return this.#fail(`WARNING: ${medium.label.type} signature detected on ${device} at offset 1080. Wipe it? [y/n]: [n]\nAborted wiping of ${medium.label.type}.`);
    if (medium.label?.kind !== 'physical') {
      medium.label = { kind: 'physical', uuid: lvmUuid(() => this.#sim.random()), sizeBytes: this.#sizeOf(device, medium) };
      this.#done(`Physical volume "${device}" successfully created.`);
    }
    medium.label.group = { name, uuid: lvmUuid(() => this.#sim.random()), extentBytes: EXTENT, volumes: {} };
    this.#mirrored(device);
    return this.#done(`Volume group "${name}" successfully created`);
  }

  #removeGroup(name: string): number {
    const seen = this.#group(name);
    if (!seen) return this.#noGroup(name);
    const volumes = volumesIn(this.#sim, this.#node, seen.group);
    const held = volumes.find(({ isOpen }) => isOpen);
    if (held) return this.#fail(`Logical volume ${name}/${held.name} in use.`);
    if (volumes.length > 0 && !this.#words.flags.has('-y') && !this.#words.flags.has('-f')) return this.#fail(`Do you really want to remove volume group "${name}" containing ${volumes.length} logical volumes? [y/n]: [n]\nVolume group "${name}" not removed`);
    for (const volume of Object.keys(seen.group.volumes)) this.#forget(seen, volume);
    delete seen.pv.group;
    this.#written(seen);
    noteLost(this.#sim, `vgremove ${name} on ${this.#node}`);
    return this.#done(`Volume group "${name}" successfully removed`);
  }

  #changeGroup(name: string): number {
    const seen = this.#group(name);
    if (!seen) return this.#noGroup(name);
    const isOn = activation(this.#words.values.get('-a'));
    if (isOn === undefined) return this.#fail('vgchange without -a is not simulated', 3);
    const volumes = volumesIn(this.#sim, this.#node, seen.group);
    const held = volumes.filter(({ isOpen }) => isOpen);
    for (const { name: volume } of Object.values(seen.group.volumes)) this.#activate(`${name}/${volume}`, isOn || held.some((one) => one.name === volume));
    if (!isOn) for (const one of held) this.#fail(`Logical volume ${name}/${one.name} in use.`);
    if (!isOn && held.length > 0) this.#fail(`Can't deactivate volume group "${name}" with ${held.length} open logical volume(s)`);
    const active = volumesIn(this.#sim, this.#node, seen.group).filter(({ isActive }) => isActive).length;
    this.#done(`${active} logical volume(s) in volume group "${name}" now active`);
    return !isOn && held.length > 0 ? 5 : 0;
  }

  // Logical volumes

  #activate(volume: string, isOn: boolean): void {
    this.#host.active = [...this.#host.active.filter((one) => one !== volume), ...(isOn ? [volume] : [])];
  }

  #createVolume(groupName: string): number {
    const seen = this.#group(groupName);
    if (!seen) return this.#noGroup(groupName);
    const { group } = seen;
    const name = this.#words.values.get('-n') ?? `lvol${Object.keys(group.volumes).length}`;
    const free = groupSizes(this.#sim, this.#node, seen).freeBytes;
    const sizeBytes = this.#wantedBytes(0, free, group.extentBytes);
    if (sizeBytes === undefined) return this.#fail('Please specify a size, in a form that is simulated (-L)', 3);
    if (volumesIn(this.#sim, this.#node, group).some((one) => one.name === name)) return this.#fail(`Logical Volume "${name}" already exists in volume group "${group.name}"`);
    if (sizeBytes > free) return this.#fail(`Volume group "${group.name}" has insufficient free space (${free / group.extentBytes} extents): ${sizeBytes / group.extentBytes} required.`);
    const tag = this.#words.values.get('--addtag');
    group.volumes[name] = { name, uuid: lvmUuid(() => this.#sim.random()), tags: tag === undefined ? [] : [tag], medium: { sizeBytes, writes: [] } };
    this.#activate(`${group.name}/${name}`, true);
    this.#written(seen);
    return this.#done(`Logical volume "${name}" created.`);
  }

  /** -L or -l, rounded up to extents; undefined: neither is there. */
  #wantedBytes(before: number, free: number, extentBytes: number): number | undefined {
    const size = /^([+])?(\d+(?:\.\d+)?)([bBkKmMgGtT]?)$/.exec(this.#words.values.get('-L') ?? '');
    const count = /^([+])?(\d+)(%FREE)?$/.exec(this.#words.values.get('-l') ?? '');
    if (size) {
      const bytes = Number(size[2]) * ({ b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }[(size[3] ?? '').toLowerCase()] ?? 2 ** 20);
      return Math.ceil(((size[1] ? before : 0) + bytes) / extentBytes) * extentBytes;
    }
    if (!count) return undefined;
    const extents = count[3] ? Math.floor(((free / extentBytes) * Number(count[2])) / 100) : Number(count[2]);
    return (count[1] || count[3] ? before : 0) + extents * extentBytes;
  }

  #extendVolume(path: string): number {
    const [groupName = '', name = ''] = path.replace(/^\/dev\//, '').split('/');
    const seen = this.#group(groupName);
    if (!seen) return this.#noGroup(groupName);
    const volume = seen.group.volumes[name];
    if (!volume) return this.#fail(`Failed to find logical volume "${groupName}/${name}"`);
    const { extentBytes } = seen.group;
    const free = groupSizes(this.#sim, this.#node, seen).freeBytes;
    const before = volume.medium.sizeBytes;
    const sizeBytes = this.#wantedBytes(before, free, extentBytes);
    if (sizeBytes === undefined) return this.#fail('Please specify either size or extents.', 3);
    if (sizeBytes === before) return this.#fail(`New size (${before / extentBytes} extents) matches existing size (${before / extentBytes} extents).`);
    if (sizeBytes < before) return this.#fail(`New size given (${sizeBytes / extentBytes} extents) not larger than existing size (${before / extentBytes} extents)`);
    if (sizeBytes - before > free) return this.#fail(`Insufficient free space: ${(sizeBytes - before) / extentBytes} extents needed, but only ${free / extentBytes} available`);
    volume.medium.sizeBytes = sizeBytes;
    this.#written(seen);
    this.#done(`Size of logical volume ${groupName}/${name} changed from ${shownSize(before)} (${before / extentBytes} extents) to ${shownSize(sizeBytes)} (${sizeBytes / extentBytes} extents).`);
    return this.#done(`Logical volume ${groupName}/${name} successfully resized.`);
  }

  #removeVolume(path: string): number {
    const [groupName = '', name = ''] = path.replace(/^\/dev\//, '').split('/');
    const seen = this.#group(groupName);
    if (!seen) return this.#noGroup(groupName);
    if (!seen.group.volumes[name]) return this.#fail(`Failed to find logical volume "${groupName}/${name}"`);
    if (isUsed(this.#sim, this.#node, `/dev/${groupName}/${name}`)) return this.#fail(`Logical volume ${groupName}/${name} is used by another device.`);
    if (!this.#words.flags.has('-y') && !this.#words.flags.has('-f')) return this.#fail(`Do you really want to remove active logical volume ${groupName}/${name}? [y/n]: [n]\nLogical volume ${groupName}/${name} not removed.`);
    this.#forget(seen, name);
    this.#written(seen);
    noteLost(this.#sim, `lvremove ${groupName}/${name} on ${this.#node}`);
    return this.#done(`Logical volume "${name}" successfully removed.`);
  }

  #forget(seen: SeenGroup, name: string): void {
    this.#activate(`${seen.group.name}/${name}`, false);
    delete seen.group.volumes[name];
  }

  #changeVolume(path: string): number {
    const [groupName = '', name = ''] = path.replace(/^\/dev\//, '').split('/');
    const seen = this.#group(groupName);
    if (!seen) return this.#noGroup(groupName);
    const shown = volumesIn(this.#sim, this.#node, seen.group).find((one) => one.name === name);
    if (!shown) return this.#fail(`Failed to find logical volume "${groupName}/${name}"`);
    const volume = seen.group.volumes[name];
    const [add, remove] = [this.#words.values.get('--addtag'), this.#words.values.get('--deltag')];
    if (volume && (add !== undefined || remove !== undefined)) {
      volume.tags = [...volume.tags.filter((tag) => tag !== remove && tag !== add), ...(add === undefined ? [] : [add])].sort();
      this.#written(seen);
      return this.#done(`Logical volume ${groupName}/${name} changed.`);
    }
    const isOn = activation(this.#words.values.get('-a'));
    if (isOn === undefined) return this.#fail('Need 1 or more of -a, --addtag, --deltag.', 3);
    if (!isOn && shown.isOpen) return this.#fail(`Logical volume ${groupName}/${name} in use.`);
    this.#activate(`${groupName}/${name}`, isOn);
    return 0;
  }
}

function shownSize(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(2)} MiB`;
}

/** `y`, `ay`, `ey`, `n`, `an`, `ln`. */
function activation(value: string | undefined): boolean | undefined {
  return value === undefined ? undefined : /^[aels]*y$/.test(value) ? true : /^[aels]*n$/.test(value) ? false : undefined;
}

/** `lvmconfig devices/global_filter`. */
export function lvmconfig(sim: Simulation, words: readonly string[], { node, output }: Run): number {
  if (words.length !== 1 || words[0] !== 'devices/global_filter') {
    output.err('  lvmconfig: only devices/global_filter is simulated\n');
    return 3;
  }
  const filter = filterOf(hostOf(sim, node));
  if (!filter) {
    output.err('  Configuration node devices/global_filter not found\n');
    return 5;
  }
  output.out(`global_filter=[${filter.map((rule) => JSON.stringify(rule)).join(',')}]\n`);
  return 0;
}

