// In: a resource's manifest and what the nodes told. Out: its copies side by side, one shape for what is wanted and what is there. Pure.
// Must never describe a node that did not tell: observe.ts has refused those before.
import type { ResFile, ResHost } from '../../drbd/res-file.ts';
import { markOf } from '../../drbd/res-text.ts';
import type { FieldChange } from '../../model/change.ts';
import { objectsOf } from '../../model/desired.ts';
import type { Desired } from '../../model/desired.ts';
import type { Facts } from '../../model/facts.ts';
import type { LogicalVolumeFact, NodeStorageFact, ReplicaFact, VolumeGroupFact } from '../../model/node-facts.ts';
import { compareText } from '../../model/ref.ts';
import type { Step } from '../../model/step.ts';
import { parseSize } from '../../pve/sizes.ts';
import { isNewGeneration } from '../../safety/generations.ts';
import { withPorts } from './ports.ts';
import { filesOn, hostsOn } from './res-hosts.ts';
import type { DrbdNodeSpec, DrbdSpec } from './schema.ts';

export type Backing =
  | { readonly in: 'group'; readonly group: string; readonly name: string; readonly path: string; readonly volume: LogicalVolumeFact | undefined; readonly room: VolumeGroupFact | undefined }
  | { readonly in: 'device'; readonly path: string };

export interface Copy {
  readonly node: string;
  /** Absent: the manifest does not name it any more. */
  readonly spec: DrbdNodeSpec | undefined;
  readonly fact: NodeStorageFact;
  /** `/etc/drbd.d/NAME.res`, whole. May hold the shared secret. */
  readonly text: string | undefined;
  /** The resource in it, as far as it is understood. */
  readonly file: ResFile | undefined;
  readonly host: ResHost | undefined;
  readonly replica: ReplicaFact | undefined;
  /** Where its data lies; absent: it has none. */
  readonly backing: Backing | undefined;
}

/** What differs, the steps that mend it, and what a reader should know besides. */
export interface Work { readonly fields: readonly FieldChange[]; readonly steps: readonly Step[]; readonly notes: readonly string[] }

export interface Scene {
  readonly name: string;
  readonly spec: DrbdSpec;
  readonly mark: string;
  /** Of the module that is loaded; absent: it is on none of the nodes. */
  readonly major: 8 | 9 | undefined;
  readonly minor: number;
  readonly bytes: number;
  /** Those of the manifest, by name. */
  readonly copies: readonly Copy[];
  /** Nodes that have the resource and that the manifest does not name, as far as they told. */
  readonly leaving: readonly Copy[];
  /** One of the files in force, whichever is first. */
  readonly live: ResFile | undefined;
  readonly facts: Facts;
  readonly desired: Desired;
}

export function sceneOf(name: string, written: DrbdSpec, facts: Facts, desired: Desired, mark: string): Scene {
  const spec = withPorts(name, written, facts, desired);
  const names = Object.keys(spec.nodes).sort(compareText);
  const copies = names.flatMap((node) => copyOf(name, node, spec.nodes[node], facts) ?? []);
  const leaving = holdersOf(name, facts).filter((node) => !names.includes(node)).flatMap((node) => copyOf(name, node, undefined, facts) ?? []);
  const live = [...copies, ...leaving].find(({ file }) => file)?.file;
  return { name, spec, mark, copies, leaving, live, facts, desired, major: majorOf(copies), bytes: parseSize(spec.size) ?? 0, minor: minorOf(name, facts, desired) };
}

/** Nodes that have a file or a replica of it, as far as they told. */
export function holdersOf(name: string, facts: Facts): readonly string[] {
  return [...(facts.storageNodes ?? [])].filter(([, fact]) => fact.resFiles.has(name) || fact.replicas.has(name)).map(([node]) => node).sort(compareText);
}

/** Members of the cluster that a file of it names. */
export function hostsNamed(name: string, facts: Facts): readonly string[] {
  const hosts = holdersOf(name, facts).flatMap((node) => copyOf(name, node, undefined, facts)?.file?.hosts ?? []);
  return [...new Set(hosts.map((host) => host.name))].filter((node) => facts.nodes.some((member) => member.name === node)).sort(compareText);
}

export function copyOf(name: string, node: string, spec: DrbdNodeSpec | undefined, facts: Facts): Copy | undefined {
  const fact = facts.storageNodes?.get(node);
  if (!fact) return undefined;
  const text = fact.resFiles.get(name);
  const file = filesOn(fact).get(name)?.find((one) => one.name === name);
  const host = file?.hosts.find((one) => one.name === node);
  return { node, spec, fact, text, file, host, replica: fact.replicas.get(name), backing: backingOf(name, spec, host, fact) };
}

function backingOf(name: string, spec: DrbdNodeSpec | undefined, host: ResHost | undefined, fact: NodeStorageFact): Backing | undefined {
  if (spec?.diskless) return undefined;
  if (spec?.device !== undefined) return { in: 'device', path: spec.device };
  const [group, volume] = spec?.volumeGroup === undefined ? volumeAt(host?.disk) ?? [] : [spec.volumeGroup, name];
  if (group === undefined || volume === undefined) return host?.disk === undefined || host.disk === 'none' ? undefined : { in: 'device', path: host.disk };
  return {
    in: 'group', group, name: volume, path: `/dev/${group}/${volume}`,
    volume: fact.volumes.find((one) => one.group === group && one.name === volume), room: fact.groups.find((one) => one.name === group),
  };
}

/** `/dev/pve/r0` and `/dev/mapper/pve-r0` → group and volume. */
export function volumeAt(path: string | undefined): readonly [group: string, volume: string] | undefined {
  const mapped = /^\/dev\/mapper\/(.*?[^-])-([^-].*)$/.exec(path ?? '');
  if (mapped) return [(mapped[1] ?? '').replaceAll('--', '-'), (mapped[2] ?? '').replaceAll('--', '-')];
  const [, group, volume] = /^\/dev\/([A-Za-z0-9+_.][A-Za-z0-9+_.-]*)\/([A-Za-z0-9+_.-]+)$/.exec(path ?? '') ?? [];
  return group === undefined || volume === undefined || group === 'disk' || group === 'drbd' ? undefined : [group, volume];
}

export function isSameDevice(a: string | undefined, b: string | undefined): boolean {
  const [first, second] = [volumeAt(a), volumeAt(b)];
  return a === b || (first !== undefined && second !== undefined && first[0] === second[0] && first[1] === second[1]);
}

function majorOf(copies: readonly Copy[]): 8 | 9 | undefined {
  const version = copies.find(({ fact }) => fact.drbdVersion !== undefined)?.fact.drbdVersion;
  return version === undefined ? undefined : version.startsWith('8.') ? 8 : 9;
}

/** In force, else written, else the lowest that is free on all its nodes; resources without one choose in the order of their names. */
export function minorOf(name: string, facts: Facts, desired: Desired): number {
  const objects = objectsOf(desired, 'DrbdResource').map(({ ref, spec }) => ({ name: ref.name, spec: spec as DrbdSpec }));
  const chosen = new Map<string, number>();
  for (const object of objects) {
    const fixed = minorInForce(object.name, facts) ?? object.spec.minor;
    if (fixed !== undefined) chosen.set(object.name, fixed);
  }
  for (const object of [...objects].sort((a, b) => compareText(a.name, b.name))) {
    if (chosen.has(object.name)) continue;
    const taken = new Set([...chosen.values(), ...Object.keys(object.spec.nodes).flatMap((node) => minorsOn(node, facts))]);
    let minor = 0;
    while (taken.has(minor)) minor += 1;
    chosen.set(object.name, minor);
  }
  return chosen.get(name) ?? minorInForce(name, facts) ?? 0;
}

export function minorInForce(name: string, facts: Facts): number | undefined {
  for (const node of holdersOf(name, facts)) {
    const copy = copyOf(name, node, undefined, facts);
    const minor = copy?.host?.minor ?? copy?.replica?.minor;
    if (minor !== undefined) return minor;
  }
  return undefined;
}

function minorsOn(node: string, facts: Facts): readonly number[] {
  const replicas = facts.storageNodes?.get(node)?.replicas.values() ?? [];
  return [...hostsOn(node, facts), ...replicas].flatMap(({ minor }) => minor ?? []);
}

/** Copies that hold data. */
export function diskful(copies: readonly Copy[]): readonly Copy[] {
  return copies.filter(({ backing }) => backing !== undefined);
}

export function nodesOf(copies: readonly Copy[]): readonly string[] {
  return copies.map(({ node }) => node);
}

/** No data was ever written under it: nothing there yet, or metadata that is as it was made. */
export function isNewCopy({ replica }: Copy): boolean {
  if (!replica) return true;
  if (replica.metadata === 'absent') return true;
  return replica.generations.length > 0 && replica.generations.every(isNewGeneration);
}

export function isOurs({ text }: Copy, mark: string): boolean {
  return text !== undefined && markOf(text)?.mark === mark;
}

export function deviceOf({ minor }: Pick<Scene, 'minor'>): string {
  return `/dev/drbd${minor}`;
}

/** Bytes a second that the manifest allows. */
export function rateOf({ spec }: Scene): number | undefined {
  return spec.resyncRate === undefined ? undefined : parseSize(spec.resyncRate);
}
