// In: an address as it is wanted and as each node's program is told of it. Out: what differs, field by field, and how deep the change goes. Pure.
import type { FieldChange } from '../../model/change.ts';
import type { Json } from '../../model/json.ts';
import { authkeysShown, deadMs, haCf, haresources } from '../../virtual-ip/heartbeat-text.ts';
import type { HeartbeatSetup } from '../../virtual-ip/heartbeat-text.ts';
import type { VrrpInstance } from '../../virtual-ip/keepalived-file.ts';
import { mainText, partText, shown } from '../../virtual-ip/keepalived-text.ts';
import type { KeepalivedPart } from '../../virtual-ip/keepalived-text.ts';
import type { Member, Scene } from './scene.ts';
import { mainFileOf, seenOn } from './seen.ts';
import type { Seen } from './seen.ts';
import { partOf, setupOf } from './wanted.ts';

/** One node, compared. */
export interface Compared {
  readonly member: Member;
  readonly seen: Seen | undefined;
  /** Its files have to be written. */
  readonly isStale: boolean;
  readonly running: boolean;
  readonly enabled: boolean;
  /** It runs, and by older files than are there: nobody was left to tell it. */
  readonly isBehind: boolean;
  readonly fields: readonly FieldChange[];
  /** Told this, it no longer understands nodes that are told what is there now. */
  readonly isDeaf: boolean;
}

/** @param isNewSecret the secret is another one than was written last */
export function compareNode(scene: Scene, member: Member, isNewSecret: boolean): Compared {
  const seen = seenOn(member.programs, scene.name, scene.address, scene.mark);
  const wanted = scene.provider === 'keepalived' ? compareKeepalived(scene, member, seen) : compareHeartbeat(scene, member, seen);
  const program = member.programs[scene.provider];
  const [running, enabled] = [program?.running ?? false, program?.enabled ?? false];
  const isBehind = running && program?.isBehind === true;
  const at = (field: string) => `nodes.${member.node}.${field}`;
  const differs = wanted.settings.map(([field, from, to]) => live(at(field), from, to));
  const provider = seen && seen.by !== scene.provider ? [live(at('provider'), seen.by, scene.provider)] : [];
  const secret = isNewSecret && seen && !wanted.settings.some(([field]) => field === 'authentication') ? [live(at('authentication'), 'another secret', 'the secret of the manifest')] : [];
  const isStale = wanted.isStale || secret.length > 0;
  const named = [...provider, ...differs, ...secret];
  const rest = isStale && named.length === 0 ? [live(at('file'), seen ? 'not as latido wrote it' : undefined, 'as the manifest asks')] : [];
  const service = running && enabled && !isBehind ? [] : [live(at('service'), isBehind ? 'goes by older files' : running ? 'not started with the node' : 'stopped', 'running')];
  return { member, seen, isStale, running, enabled, isBehind, fields: [...named, ...rest, ...service], isDeaf: seen?.by === scene.provider && (secret.length > 0 || wanted.settings.some(([field, from]) => wanted.deep.includes(field) && !isOnlyMore(field, from))) };
}

/** A node is heard by those who do not know it yet; only from group addresses to its own it is not. */
function isOnlyMore(field: string, from: Json | undefined): boolean {
  return (field === 'peers' || field === 'links') && Array.isArray(from) && from.length > 0;
}

function live(path: string, from: Json | undefined, to: Json | undefined): FieldChange {
  return { path, from, to, effect: 'live' };
}

interface Difference {
  readonly isStale: boolean;
  readonly settings: readonly (readonly [field: string, from: Json | undefined, to: Json | undefined])[];
  /** Settings that all nodes must have alike to hear each other. */
  readonly deep: readonly string[];
}

function compareKeepalived(scene: Scene, member: Member, seen: Seen | undefined): Difference {
  const part = partOf(scene, member);
  if (!part) return { isStale: true, settings: [], deep: [] };
  const main = mainFileOf(member.programs, mainText(scene.mark), scene.address, scene.mark);
  const text = shown(partText(part));
  const isStale = member.programs.keepalived?.parts.get(scene.name) !== text || !['ours', 'reads-ours'].includes(main.is);
  const instance = seen?.by === 'keepalived' ? seen.instance : undefined;
  return { isStale, settings: instance ? vrrpSettings(instance, part) : [], deep: ['address', 'routerId', 'version', 'authentication', 'peers', ...(part.authentication ? ['advertSeconds'] : [])] };
}

function vrrpSettings(instance: VrrpInstance, part: KeepalivedPart): Difference['settings'] {
  const all: Difference['settings'] = [
    ['address', instance.addresses[0], part.address], ['interface', instance.interface, part.interface], ['routerId', instance.routerId, part.routerId],
    ['priority', instance.priority ?? 100, part.priority], ['version', instance.version ?? 2, part.authentication ? 2 : 3], ['advertSeconds', instance.advertSeconds ?? 1, part.advertSeconds],
    ['preempt', instance.preempt, part.preempt], ['authentication', instance.authentication, part.authentication !== undefined],
    ['source', instance.source, part.source], ['peers', [...instance.peers].sort(), [...part.peers].sort()],
  ];
  return all.filter(([, from, to]) => JSON.stringify(from) !== JSON.stringify(to));
}

function compareHeartbeat(scene: Scene, member: Member, seen: Seen | undefined): Difference {
  const setup = setupOf(scene);
  if (!setup) return { isStale: true, settings: [], deep: [] };
  const files = member.programs.heartbeat?.files ?? new Map<string, string>();
  const isStale = files.get('ha.cf') !== haCf(setup) || files.get('haresources') !== haresources(setup) || files.get('authkeys') !== authkeysShown(setup);
  if (seen?.by !== 'heartbeat') return { isStale, settings: [], deep: [] };
  const keys = files.get('authkeys') === authkeysShown(setup) ? [] : [['authentication', files.get('authkeys')?.split('\n')[1]?.split(' ')[1], setup.authentication ? 'sha1' : 'crc'] as const];
  return { isStale, settings: [...heartbeatSettings(seen.files, setup), ...keys], deep: ['links', 'members', 'authentication'] };
}

function heartbeatSettings(files: Extract<Seen, { by: 'heartbeat' }>['files'], setup: HeartbeatSetup): Difference['settings'] {
  const { directives } = files;
  const one = (name: string) => directives.get(name)?.[0];
  const links = (directives.get('ucast') ?? []).toSorted();
  const all: Difference['settings'] = [
    ['address', files.address, setup.address], ['interface', files.interface, setup.interface], ['preferred', files.preferred, setup.preferred],
    ['advertSeconds', secondsOf(one('keepalive')), setup.advertSeconds], ['deadSeconds', secondsOf(one('deadtime')), deadMs(setup) / 1000],
    ['preempt', one('auto_failback') === 'on', setup.preempt], ['links', links, setup.nodes.map(({ address }) => `${setup.interface} ${address}`).toSorted()],
    ['members', (directives.get('node') ?? []).flatMap((names) => names.split(/\s+/)).toSorted(), setup.nodes.map(({ name }) => name).toSorted()],
  ];
  return all.filter(([, from, to]) => JSON.stringify(from) !== JSON.stringify(to));
}

function secondsOf(text: string | undefined): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(text ?? '') ?? [];
  return number === undefined ? undefined : Number(number) / (unit === 'ms' ? 1000 : 1);
}
