// Steps on nodes as data: each names its node, waits its turn there, and runs only in a quorate cluster. Pure.
import { script, CHECK_EMPTY, MAKE_VOLUME, PVCREATE_EMPTY, RELEASE_RES, WRITE_RES } from '../../drbd/scripts.ts';
import { resText } from '../../drbd/res-text.ts';
import type { ResText } from '../../drbd/res-text.ts';
import type { Condition, Hold, Risk, Step } from '../../model/step.ts';
import type { Stdin } from '../../model/doors.ts';
import { printSize } from '../../pve/sizes.ts';
import { heldStep } from '../held-step.ts';
import type { Copy, Scene } from './scene.ts';
import { deviceOf, nodesOf } from './scene.ts';

const MINUTE = 60_000;
/** Most commands end at once; those that write metadata or wipe a volume take as long as the disk does. */
const COMMAND_MS = 3 * MINUTE;
const DISK_MS = 20 * MINUTE;
/** A connection is made within DRBD's own retries (connect-int 10 s). */
const CONNECT_MS = 3 * MINUTE;

export interface Run {
  readonly guards?: readonly Condition[];
  readonly stdin?: Stdin;
  readonly alsoDone?: readonly number[];
  readonly risk?: Risk;
  readonly hold?: Hold | undefined;
  readonly timeoutMs?: number;
}

export function command(node: string, title: string, argv: readonly string[], { guards = [], stdin, alsoDone, risk = 'none', hold, timeoutMs = COMMAND_MS }: Run = {}): Step {
  return {
    title: `${title} on ${node}`, risk, node, timeoutMs, locks: [`node/${node}`],
    action: { via: 'ssh', node, argv, ...(stdin === undefined ? {} : { stdin }), ...(alsoDone === undefined ? {} : { alsoDone }) },
    guards: [{ is: 'quorate' }, { is: 'node-online', node }, ...guards], ...(hold ? { hold } : {}),
  };
}

export function wait(title: string, until: Condition, timeoutMs: number): Step {
  return { title, action: { via: 'wait', until }, guards: [], risk: 'none', locks: [], timeoutMs };
}

export function refused(title: string, reason: string): Step {
  return heldStep(title, { code: 'REFUSED', reason, approvable: false });
}

export function withHold(steps: readonly Step[], hold: Hold | undefined): readonly Step[] {
  return hold === undefined ? steps : steps.map((step) => (step.hold ? step : { ...step, hold }));
}

export const loadModule = (node: string): Step => command(node, 'load the module of DRBD', ['modprobe', 'drbd']);

export function makeVolume(node: string, group: string, name: string, bytes: number, mark: string, hold: Hold | undefined): Step {
  return command(node, `make the volume ${group}/${name} (${printSize(bytes)})`, script(MAKE_VOLUME, group, name, `${bytes}b`, mark), {
    guards: [{ is: 'volume-absent', node, group, volume: name }], timeoutMs: DISK_MS, hold,
  });
}

export const checkEmpty = (node: string, device: string): Step => command(node, `check that ${device} is empty`, script(CHECK_EMPTY, device));

export function writeFile(node: string, res: ResText, guards: readonly Condition[] = []): Step {
  return command(node, `write /etc/drbd.d/${res.name}.res`, script(WRITE_RES, res.name, res.sharedSecret ? '0600' : '0644'), { stdin: resText(res), guards });
}

export const releaseFile = (node: string, name: string, mark: string): Step => command(node, `take our mark off /etc/drbd.d/${name}.res`, script(RELEASE_RES, name, mark));

/** It asks before it overwrites metadata, nobody answers, and so it never does. */
export function createMetadata(node: string, { name, major }: Scene, guards: readonly Condition[]): Step {
  // Room for replicas that come later: it cannot be made afterwards.
  const more = major === 9 ? [`--max-peers=${PEERS_MAX}`] : [];
  return command(node, 'create the metadata', ['drbdadm', 'create-md', ...more, name], { guards, timeoutMs: DISK_MS });
}

const PEERS_MAX = 7;

export function adjust(node: string, name: string, guards: readonly Condition[]): Step {
  return command(node, 'bring it up as its file says', ['drbdadm', 'adjust', name], { guards });
}

export function waitConnected({ name, copies }: Scene): Step {
  return wait('wait until its nodes are connected', { is: 'drbd-connected', resource: name, nodes: nodesOf(copies) }, CONNECT_MS);
}

/** Of a resync nobody knows how fast it will be: the manifest's rate, or as slow as this. */
const SLOW_BYTES_PER_SECOND = 20 * 2 ** 20;

export function waitInSync(name: string, nodes: readonly string[], bytes: number, rate: number | undefined): Step {
  const seconds = Math.ceil(bytes / (rate ?? SLOW_BYTES_PER_SECOND));
  const how = bytes === 0 ? '' : ` (up to ${printSize(bytes)} at ${printSize(rate ?? SLOW_BYTES_PER_SECOND)} a second, ${Math.ceil(seconds / 60)} min)`;
  // Twice as long as it should take: what is slower than that should be looked at.
  return wait(`wait until it is in sync${how}`, { is: 'drbd-in-sync', resource: name, nodes }, CONNECT_MS + seconds * 2 * 1000);
}

export function becomePrimary(node: string, name: string, guards: readonly Condition[]): Step {
  return command(node, 'make it Primary', ['drbdadm', 'primary', name], { guards });
}

export function makePhysical(copy: Copy, scene: Scene, guards: readonly Condition[]): Step {
  return command(copy.node, `make ${deviceOf(scene)}, if it is empty, a physical volume of LVM`, script(PVCREATE_EMPTY, deviceOf(scene)), { guards });
}

/** LVM remembers on which devices there was anything when it last looked (`hints` in lvm.conf), and nothing tells it what another node wrote. */
export function lookAgain(node: string, scene: Scene): Step {
  return command(node, `let LVM look again at ${deviceOf(scene)}`, ['pvscan', '--cache', deviceOf(scene)], { guards: [{ is: 'drbd-role', resource: scene.name, node, role: 'Primary' }] });
}
