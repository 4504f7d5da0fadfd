// The programs that a node has, by name; everything else is not there (127). In: argv. Out: what it prints and its exit code.
// The product's own shell scripts are known by their text (drbd/scripts.ts, virtual-ip/scripts.ts); any other script is refused, never guessed at.
import { ADDRESSES } from '../../drbd/addresses.ts';
import { BEGIN_VERIFY, CHECK_EMPTY, END_VERIFY, MAKE_VOLUME, PVCREATE_EMPTY, READ_VERIFIES, RELEASE_RES, WRITE_RES } from '../../drbd/scripts.ts';
import { markOf } from '../../drbd/res-text.ts';
import { DESTROY_LOCKED_CONTAINER } from '../../pve/node-commands.ts';
import type { Simulation } from '../simulation.ts';
import { readConfig } from './config.ts';
import { hostOf, isAccepted, mediumAt, physicalVolumes } from './devices.ts';
import { drbdadm } from './drbdadm.ts';
import { drbdsetup } from './drbdsetup.ts';
import { lvm, lvmconfig } from './lvm.ts';
import type { Output, Run } from './output.ts';
import { destroyRemnant } from './remnants.ts';
import { procDrbd } from './show.ts';
import type { Medium } from './state.ts';
import { runBeginVerify, runEndVerify, runReadVerifies } from './verify.ts';
import { virtualIpScript } from './virtual-ip.ts';
import { systemctl } from './virtual-ip-services.ts';

const NOT_FOUND = 127;
const RES_FOLDER = '/etc/drbd.d/';
const DEFAULT_DRBD = '8.4.11';

/** Runs one program to its end, at once. */
export function runProgram(sim: Simulation, argv: readonly string[], run: Run): number {
  const [program = '', ...words] = argv;
  switch (program) {
    case 'true': return 0;
    case 'uname': return words.length === 1 && words[0] === '-n' ? say(run, `${run.node}\n`) : usage(run, program, words);
    case 'modprobe': return modprobe(sim, words, run);
    case 'cat': return cat(sim, words, run);
    case 'rm': return remove(sim, words, run);
    case 'grep': return grep(sim, words, run);
    case 'ip': return [program, ...words].join(' ') === ADDRESSES.join(' ') ? addresses(sim, run) : usage(run, program, words);
    case 'drbdadm': return hostOf(sim, run.node).drbd === '' && words[0] !== 'sh-nop' ? noModule(run) : drbdadm(sim, words, run);
    case 'drbdsetup': return drbdsetup(sim, words, run);
    case 'lvm': case 'vgs': case 'lvs': case 'pvs': case 'lvcreate': case 'lvextend': case 'lvremove': case 'lvchange': case 'vgcreate': case 'vgremove': case 'vgchange': case 'pvcreate': case 'pvremove': case 'pvresize':
      return lvm(sim, program, words, run);
    case 'lvmconfig': return lvmconfig(sim, words, run);
    case 'pvscan': return pvscan(sim, words, run);
    case 'wipefs': return wipefs(sim, words, run);
    case 'blkid': return blkid(sim, words, run);
    case 'qm': return words[0] === 'destroy' && words.slice(2).join(' ') === '--skiplock 1' ? destroyRemnant(sim, 'qemu', words[1], run) : usage(run, program, words);
    case 'systemctl': return systemctl(sim, words, run);
    case 'sh': return script(sim, words, run);
    default:
      run.output.err(`${program}: command not found\n`);
      return NOT_FOUND;
  }
}

function say({ output }: { readonly output: Output }, text: string): number {
  output.out(text);
  return 0;
}

function complain({ output }: Run, text: string, code: number): number {
  output.err(`${text}\n`);
  return code;
}

function usage(run: Run, program: string, words: readonly string[]): number {
  return complain(run, `${program}: these words are not simulated: ${words.join(' ')}`, 1);
}

function noModule(run: Run): number {
  return complain(run, "modprobe: FATAL: Module drbd not found\nFailed to modprobe drbd (No such file or directory)", 20);
}

function modprobe(sim: Simulation, words: readonly string[], run: Run): number {
  const host = hostOf(sim, run.node);
  if (words.join(' ') !== 'drbd') return complain(run, `modprobe: FATAL: Module ${words.join(' ')} not found in directory /lib/modules`, 1);
  host.drbd ||= DEFAULT_DRBD;
  return 0;
}

function cat(sim: Simulation, words: readonly string[], run: Run): number {
  const host = hostOf(sim, run.node);
  let code = 0;
  for (const path of words) {
    const text = path === '/proc/drbd' && host.drbd !== '' ? procDrbd(sim, run.node) : path === '/sys/module/drbd/version' && host.drbd !== '' ? `${host.drbd}\n` : host.files[path];
    if (text === undefined) code = complain(run, `cat: ${path}: No such file or directory`, 1);
    else run.output.out(text);
  }
  return code;
}

function remove(sim: Simulation, words: readonly string[], run: Run): number {
  const host = hostOf(sim, run.node);
  const isForced = words.includes('-f');
  const paths = words.filter((word) => word !== '-f' && word !== '--');
  const wrong = paths.find((path) => path.startsWith('-'));
  if (wrong !== undefined) return complain(run, `rm: unrecognized option '${wrong}'\nTry 'rm --help' for more information.`, 1);
  let code = 0;
  for (const path of paths) {
    if (host.files[path] === undefined && !isForced) code = complain(run, `rm: cannot remove '${path}': No such file or directory`, 1);
    delete host.files[path];
  }
  return code;
}

/** `grep -r -H --include=*.res '' /etc/drbd.d`. */
function grep(sim: Simulation, words: readonly string[], run: Run): number {
  if (words.join('\0') !== ['-r', '-H', '--include=*.res', '', '/etc/drbd.d'].join('\0')) return usage(run, 'grep', words);
  const { files } = hostOf(sim, run.node);
  const found = Object.keys(files).filter((path) => path.startsWith(RES_FOLDER) && path.endsWith('.res')).sort();
  for (const path of found) for (const line of (files[path] ?? '').replace(/\n$/, '').split('\n')) run.output.out(`${path}:${line}\n`);
  return found.length > 0 ? 0 : 1;
}

function addresses(sim: Simulation, run: Run): number {
  const rows = hostOf(sim, run.node).addresses;
  const names = [...new Set(rows.map((row) => row.interface))];
  return say(run, `${JSON.stringify(names.map((name, at) => ({
    ifindex: at + 1, ifname: name, flags: ['UP'], mtu: 1500, operstate: 'UP',
    addr_info: rows.filter((row) => row.interface === name).map(({ address }) => ({ family: address.includes(':') ? 'inet6' : 'inet', local: address.split('/')[0], prefixlen: Number(address.split('/')[1] ?? 32), scope: 'global' })),
  })))}\n`);
}

/** What the first and last blocks of a device say: [offset, type]. */
function signatures(device: string, medium: Medium): readonly (readonly [offset: string, type: string])[] {
  return [
    ...(medium.label?.kind === 'physical' ? [['0x218', 'LVM2_member']] as const : medium.label ? [['0x438', medium.label.type]] as const : []),
    // It lies behind the end of what can be used.
    ...(medium.metadata && !device.startsWith('/dev/drbd') ? [[`0x${(medium.sizeBytes - 4096 + 0x3c).toString(16)}`, 'drbd']] as const : []),
  ];
}

/** `pvscan --cache`, of one device or all: nothing is remembered here, so nothing is forgotten. */
function pvscan(sim: Simulation, words: readonly string[], run: Run): number {
  const [option, device] = words;
  if (option !== '--cache' || words.length > 2) return usage(run, 'pvscan', words);
  const host = hostOf(sim, run.node);
  if (device !== undefined && !mediumAt(sim, run.node, device)) return complain(run, `  No device found for ${device}.`, 5);
  const minor = Number(/^\/dev\/drbd(\d+)$/.exec(device ?? '')?.[1] ?? Number.NaN);
  const replica = Object.values(host.replicas).find((one) => one.minor === minor);
  if (replica && replica.role !== 'Primary') return complain(run, `  Error opening device ${device} for reading at 0 length 512: Wrong medium type`, 5);
  const found = physicalVolumes(sim, run.node).filter((one) => (device === undefined || one.device === device) && isAccepted(host, one.device));
  return say(run, found.map((one) => `  pvscan[${sim.state.nodes[run.node]?.nextPid ?? 1}] PV ${one.device} ${one.pv.group ? 'online' : 'not used'}.\n`).join(''));
}

function wipefs(sim: Simulation, words: readonly string[], run: Run): number {
  const [option, device = ''] = words;
  if (option !== '-n' || words.length !== 2) return usage(run, 'wipefs', words);
  const medium = mediumAt(sim, run.node, device);
  if (!medium) return complain(run, `wipefs: error: ${device}: probing initialization failed: No such file or directory`, 1);
  const found = signatures(device, medium);
  if (found.length === 0) return 0;
  return say(run, `DEVICE ${'OFFSET'.padEnd(12)} TYPE        UUID LABEL\n${found.map(([offset, type]) => `${device.replace(/^.*\//, '')}   ${offset.padEnd(12)} ${type}\n`).join('')}`);
}

function blkid(sim: Simulation, words: readonly string[], run: Run): number {
  const [option, device = ''] = words;
  if (option !== '-p' || words.length !== 2) return usage(run, 'blkid', words);
  const medium = mediumAt(sim, run.node, device);
  if (!medium) return complain(run, `blkid: error: ${device}: No such file or directory`, 2);
  const [first] = signatures(device, medium);
  return first ? say(run, `${device}: TYPE="${first[1]}" USAGE="raid"\n`) : 2;
}

function script(sim: Simulation, words: readonly string[], run: Run): number {
  const [option, text, , ...args] = words;
  if (option !== '-c') return complain(run, 'sh: only -c with one of our own scripts is simulated', 2);
  switch (text) {
    case WRITE_RES: return writeRes(sim, args, run);
    case RELEASE_RES: return releaseRes(sim, args, run);
    case BEGIN_VERIFY: return runBeginVerify(sim, args, run, (given) => runProgram(sim, ['drbdadm', ...given], run));
    case END_VERIFY: return runEndVerify(sim, args, run);
    case READ_VERIFIES: return runReadVerifies(sim, run);
    case MAKE_VOLUME: return runProgram(sim, ['lvcreate', '-y', '-Wy', '-Zy', '-n', args[1] ?? '', '-L', args[2] ?? '', '--addtag', args[3] ?? '', args[0] ?? ''], run);
    case DESTROY_LOCKED_CONTAINER: return destroyRemnant(sim, 'lxc', args[0], run);
    case CHECK_EMPTY: return checkEmpty(sim, args[0] ?? '', run);
    case PVCREATE_EMPTY: return checkEmpty(sim, args[0] ?? '', run) || runProgram(sim, ['pvcreate', '-y', args[0] ?? ''], run);
    default: return virtualIpScript(sim, text, args, run) ?? complain(run, 'sh: this script is not known here', 2);
  }
}

/** The new file is read together with all others in place of the old one. */
function writeRes(sim: Simulation, [name = '']: readonly string[], run: Run): number {
  const host = hostOf(sim, run.node);
  if (!run.stdin.trimEnd().endsWith('# end')) return complain(run, 'the text broke off on its way', 1);
  const path = `${RES_FOLDER}${name}.res`;
  const files = { ...host.files, [path]: run.stdin };
  const { trouble } = readConfig({ ...host, files }, run.node);
  if (trouble !== undefined) return complain(run, trouble, 10);
  host.files[path] = run.stdin;
  return 0;
}

function releaseRes(sim: Simulation, [name = '', mark = '']: readonly string[], run: Run): number {
  const { files } = hostOf(sim, run.node);
  const path = `${RES_FOLDER}${name}.res`;
  const text = files[path];
  if (text === undefined) return complain(run, `head: cannot open '${path}' for reading: No such file or directory`, 0);
  if (markOf(text)?.mark === mark) files[path] = text.slice(text.indexOf('\n') + 1);
  return 0;
}

function checkEmpty(sim: Simulation, device: string, run: Run): number {
  const medium = mediumAt(sim, run.node, device);
  if (!medium) return complain(run, `wipefs: error: ${device}: probing initialization failed: No such file or directory`, 1);
  const found = signatures(device, medium);
  return found.length === 0 ? 0 : complain(run, `${device} is not empty:\n${found.map(([offset, type]) => `${offset} ${type}`).join('\n')}`, 1);
}
