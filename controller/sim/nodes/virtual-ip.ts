// The scripts about the virtual IP (controller/virtual-ip/scripts.ts) as they end on a node, known by their text.
// In: a script, its arguments, its input. Out: files, services, what it prints and its exit code.
// Must never do what the script would refuse: a text that broke off, a main file that is not the one that was planned on.
import { createHash } from 'node:crypto';
import { HEARTBEAT_FILES, HEARTBEAT_FOLDER } from '../../virtual-ip/heartbeat-text.ts';
import { MAIN_FILE, PART_FOLDER, STATES } from '../../virtual-ip/keepalived-text.ts';
import { behindFile, READ_VIRTUAL_IP, REMOVE_HEARTBEAT, REMOVE_KEEPALIVED, START_HEARTBEAT, START_KEEPALIVED, WRITE_HEARTBEAT, WRITE_KEEPALIVED } from '../../virtual-ip/scripts.ts';
import type { Simulation } from '../simulation.ts';
import { hostOf } from './devices.ts';
import type { Run } from './output.ts';
import { readKeepalived } from './virtual-ip-config.ts';
import { isEnabled, isRunning, systemctl } from './virtual-ip-services.ts';
import type { VirtualIpProgram } from './virtual-ip-state.ts';

const HEARTBEAT_TRIES = 90;
const TRY_MS = 1_000;

/** Undefined: the script is not one of these. */
export function virtualIpScript(sim: Simulation, text: string | undefined, args: readonly string[], run: Run): number | undefined {
  switch (text) {
    case READ_VIRTUAL_IP: return read(sim, run);
    case WRITE_KEEPALIVED: return writeKeepalived(sim, args, run);
    case START_KEEPALIVED: return systemctl(sim, ['enable', 'keepalived'], run) || systemctl(sim, ['reload-or-restart', 'keepalived'], run) || caughtUp(sim, 'keepalived', run);
    case REMOVE_KEEPALIVED: return removeKeepalived(sim, args, run);
    case WRITE_HEARTBEAT: return writeHeartbeat(sim, args, run);
    case START_HEARTBEAT: return (args[0] === 'restart' ? systemctl(sim, ['restart', 'heartbeat'], run) : 0) || systemctl(sim, ['enable', '--now', 'heartbeat'], run) || caughtUp(sim, 'heartbeat', run);
    case REMOVE_HEARTBEAT: return removeHeartbeat(sim, args, run);
    default: return undefined;
  }
}

/** What START_HEARTBEAT waits for after it has started it; any other command waits for nothing. */
export async function endOfStart(sim: Simulation, argv: readonly string[], run: Run, isGone: () => boolean): Promise<number> {
  if (argv[0] !== 'sh' || argv[2] !== START_HEARTBEAT) return 0;
  for (let tries = 0; tries < HEARTBEAT_TRIES && !isGone(); tries += 1) {
    if (hostOf(sim, run.node).programs.heartbeat?.run?.resources !== undefined) return 0;
    await sim.clock.sleep(TRY_MS);
  }
  return complain(run, 'heartbeat runs, and does not say which resources it has');
}

function read(sim: Simulation, run: Run): number {
  const { programs, files, notes } = hostOf(sim, run.node);
  const tell = (line: string) => run.output.out(`${line}\n`);
  const show = (path: string) => {
    const text = files[path];
    if (text !== undefined) run.output.out(`@file ${path}\n${masked(text).replaceAll(/^(?=.*\n)/gm, ' ')}`);
  };
  const service = (name: VirtualIpProgram) => tell(`@program ${name} ${isRunning(sim, run.node, name) ? 'active' : 'inactive'} ${isEnabled(sim, run.node, name) ? 'enabled' : 'disabled'}${files[behindFile(name)] === undefined ? '' : `\n@behind ${name}`}`);
  if (programs.keepalived) {
    service('keepalived');
    for (const path of [MAIN_FILE, ...partsOn(files)]) show(path);
    for (const [path, ms] of Object.entries(notes)) tell(`@state ${path.replace(/^.*\//, '')} ${(ms / 1000).toFixed(10)}`);
  }
  if (programs.heartbeat) {
    service('heartbeat');
    for (const name of HEARTBEAT_FILES) show(`${HEARTBEAT_FOLDER}/${name}`);
    const { run: now } = programs.heartbeat;
    if (now) tell(`@resources ${now.resources ?? 'transition'}`);
    for (const node of now?.settings.nodes ?? []) tell(`@peer ${node} ${node === run.node || now?.peer === 'active' ? 'active' : 'dead'}`);
  }
  return say(run, '@end\n');
}

function writeKeepalived(sim: Simulation, [name = '', first = '', wanted = '', put = '']: readonly string[], run: Run): number {
  const host = hostOf(sim, run.node);
  const there = host.files[MAIN_FILE];
  const path = `${PART_FOLDER}/latido-${name}.conf`;
  if (lastLine(run.stdin) !== '# end') return complain(run, 'the text broke off on its way');
  if (put === 'keep' && there === undefined) return complain(run, `cp: cannot stat '${MAIN_FILE}': No such file or directory`);
  const isForeign = put !== 'keep' && there !== undefined && firstLine(there) !== first;
  if (isForeign && (put === '' || digestOf(there) !== put)) return complain(run, `${MAIN_FILE} is not the one that was planned on`);
  if (!host.programs.keepalived) return complain(run, 'sh: keepalived: not found', 127);
  const main = put === 'keep' ? there ?? '' : wanted;
  const { trouble } = readKeepalived(main, { ...host, files: { ...host.files, [path]: run.stdin } });
  if (isForeign) host.files[`${MAIN_FILE}.before-latido`] = there;
  if (trouble) return complain(run, trouble.text, trouble.code);
  host.files[behindFile('keepalived')] = '';
  host.files[path] = run.stdin;
  host.files[MAIN_FILE] = main;
  return 0;
}

function removeKeepalived(sim: Simulation, [name = '', first = '']: readonly string[], run: Run): number {
  const { files, notes } = hostOf(sim, run.node);
  const part = `${PART_FOLDER}/latido-${name}.conf`;
  const [main, own] = [files[MAIN_FILE], files[part]];
  const hasOthers = partsOn(files).some((path) => path !== part);
  if (!hasOthers && main !== undefined && firstLine(main) === first) {
    const code = systemctl(sim, ['disable', '--now', 'keepalived'], run);
    if (code !== 0) return code;
    delete files[MAIN_FILE];
    delete files[behindFile('keepalived')];
  } else if (own !== undefined) {
    files[part] = `${firstLine(own)}\n`;
    if (isRunning(sim, run.node, 'keepalived')) systemctl(sim, ['reload', 'keepalived'], run);
  }
  delete files[part];
  for (const state of STATES) delete notes[`/run/latido-vip-${name}.${state}`];
  return 0;
}

function writeHeartbeat(sim: Simulation, [first = '', digest = '']: readonly string[], run: Run): number {
  const { files } = hostOf(sim, run.node);
  const pieces = run.stdin.split(/^### (ha\.cf|haresources|authkeys)\n/m);
  const texts = new Map(pieces.flatMap((piece, at) => (at % 2 === 1 ? [[piece, pieces[at + 1] ?? ''] as const] : [])));
  if (lastLine(texts.get('ha.cf') ?? '') !== '# end') return complain(run, 'the text broke off on its way');
  const there = files[`${HEARTBEAT_FOLDER}/ha.cf`];
  if (there !== undefined && firstLine(there) !== first) {
    if (digest === '' || digestOf(there) !== digest) return complain(run, `${HEARTBEAT_FOLDER}/ha.cf is not the one that was planned on`);
    for (const name of HEARTBEAT_FILES) {
      const text = files[`${HEARTBEAT_FOLDER}/${name}`];
      if (text !== undefined) files[`${HEARTBEAT_FOLDER}/${name}.before-latido`] = text;
    }
  }
  files[behindFile('heartbeat')] = '';
  for (const [name, text] of texts) files[`${HEARTBEAT_FOLDER}/${name}`] = text;
  return 0;
}

function removeHeartbeat(sim: Simulation, [first = '']: readonly string[], run: Run): number {
  const { files } = hostOf(sim, run.node);
  const there = files[`${HEARTBEAT_FOLDER}/ha.cf`];
  if (there === undefined || firstLine(there) !== first) return 0;
  const code = systemctl(sim, ['disable', '--now', 'heartbeat'], run);
  if (code === 0) for (const path of [...HEARTBEAT_FILES.map((name) => `${HEARTBEAT_FOLDER}/${name}`), behindFile('heartbeat')]) delete files[path];
  return code;
}

/** It has read what is there. */
function caughtUp(sim: Simulation, program: VirtualIpProgram, run: Run): number {
  delete hostOf(sim, run.node).files[behindFile(program)];
  return 0;
}

function partsOn(files: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(files).filter((path) => path.startsWith(`${PART_FOLDER}/latido-`) && path.endsWith('.conf')).sort();
}

/** Without the values of secrets, in whole lines. */
function masked(text: string): string {
  const whole = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return whole.replaceAll(/^([^\S\n]*auth_pass[^\S\n]+).*/gm, '$1…').replaceAll(/^(\d+[^\S\n]+(?:sha1|md5)[^\S\n]+).*/gm, '$1…');
}

function digestOf(text: string): string {
  return createHash('sha256').update(masked(text)).digest('hex');
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

function lastLine(text: string): string {
  return text.replace(/\n$/, '').split('\n').at(-1) ?? '';
}

function say({ output }: Run, text: string): number {
  output.out(text);
  return 0;
}

function complain({ output }: Run, text: string, code = 1): number {
  output.err(`${text}\n`);
  return code;
}
