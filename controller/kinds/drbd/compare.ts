// In: a resource's file in force and the one that is wanted. Out: what differs, option by option, and what of it may not be. Pure.
// Must never show a secret, nor take what nobody can undo for a mere option.
import { comparable, resText, withoutSecret, markOf } from '../../drbd/res-text.ts';
import type { FieldChange, Subject } from '../../model/change.ts';
import { isSecretDue } from '../secret-fields.ts';
import { notInSync } from '../../safety/drbd.ts';
import type { Copy, Scene } from './scene.ts';
import { diskful, nodesOf } from './scene.ts';
import { changesHosts, whyStays } from './departures.ts';
import { isBackingChanged, optionsOf, wantedRes } from './wanted.ts';
import type { DrbdSpec } from './schema.ts';

/** Told with the shared secret, or never. */
const OF_SECRET: ReadonlySet<string> = new Set(['net.shared-secret', 'net.cram-hmac-alg']);
/** What DRBD does where a file says nothing; a file that says just this says nothing else. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'net.allow-two-primaries': 'no', 'net.after-sb-0pri': 'disconnect', 'net.after-sb-1pri': 'disconnect', 'net.after-sb-2pri': 'disconnect',
  'disk.fencing': 'dont-care', 'net.fencing': 'dont-care', 'options.quorum': 'off', 'options.on-no-quorum': 'suspend-io', 'net.protocol': 'C',
};

export interface Comparison {
  readonly fields: readonly FieldChange[];
  /** What stays as it is in force, because it may not be changed. */
  readonly keep: ReadonlySet<string>;
  /** Nodes whose file has to be written. */
  readonly write: readonly string[];
  /** Its nodes cannot be changed now. */
  readonly isHostChangeBlocked: boolean;
  /** The connection is taken down and made anew. */
  readonly isMoved: boolean;
}

export function compareFiles(scene: Scene, subject: Subject<DrbdSpec>): Comparison {
  const { live } = scene;
  const missing = scene.copies.filter(({ text }) => text === undefined).map(({ node }) => node);
  if (!live) return { fields: [], keep: new Set(), write: missing, isHostChangeBlocked: false, isMoved: false };
  const fields = [...optionFields(scene), ...addressFields(scene), ...backingFields(scene), ...minorFields(scene), ...secretFields(scene, subject), ...markFields(scene), ...hostFields(scene)];
  const keep = new Set(fields.filter(({ effect }) => effect === 'refused').map(({ path }) => path.replace(/^options\./, '')));
  const isSecretNew = fields.some(({ path }) => path === 'sharedSecret');
  // With DRBD 9 a copy that stays for now stays in the files; 8.4 has no room for it there.
  const isBlocked = fields.some(({ path, effect }) => effect === 'refused' && (scene.major === 9 ? /\.backing$|^metadata$/ : /^nodes\.[^.]+$|\.backing$|^metadata$/).test(path));
  const want = comparable(resText(wantedRes(scene, keep)));
  const write = isBlocked ? [] : scene.copies.filter(({ text }) => text === undefined || isSecretNew || withoutSecret(text) !== want).map(({ node }) => node);
  const isExplained = fields.some(({ effect }) => effect !== 'refused');
  const unexplained = isExplained ? [] : write.filter((node) => !missing.includes(node)).map((node): FieldChange => ({ path: `nodes.${node}.file`, from: 'another text', to: 'as written from Git', effect: 'live' }));
  return { fields: [...fields, ...unexplained], keep, write, isHostChangeBlocked: fields.some(({ path, effect }) => effect === 'refused' && /^nodes\.[^.]+$/.test(path)), isMoved: fields.some(({ path, effect }) => path.endsWith('.address') && effect !== 'refused') };
}

function optionFields(scene: Scene): readonly FieldChange[] {
  const wanted = optionsOf(scene.spec, scene.major ?? 8);
  const live = scene.live?.options ?? new Map<string, string>();
  const paths = [...new Set([...wanted.keys(), ...live.keys()])].filter((path) => !OF_SECRET.has(path)).sort();
  return paths.flatMap((path): readonly FieldChange[] => {
    const [from, to] = [live.get(path), wanted.get(path)];
    if ((from ?? DEFAULTS[path]) === (to ?? DEFAULTS[path])) return [];
    const why = refusedOption(path, to, scene);
    return [{ path: `options.${path}`, from, to, effect: why === undefined ? 'live' : 'refused', ...(why === undefined ? {} : { note: why }) }];
  });
}

function refusedOption(path: string, to: string | undefined, { copies }: Scene): string | undefined {
  if (path !== 'net.allow-two-primaries' || to === 'yes') return undefined;
  const primaries = copies.filter(({ replica }) => replica?.role === 'Primary').map(({ node }) => node);
  return primaries.length < 2 ? undefined : `${primaries.join(' and ')} are both Primary, and DRBD cannot take it away then: move the guests away from one of them, and make it Secondary there`;
}

/** Both sides let go of each other for a moment: with two writers that moment is a split brain. */
function addressFields(scene: Scene): readonly FieldChange[] {
  const primaries = scene.copies.filter(({ replica }) => replica?.role === 'Primary').map(({ node }) => node);
  const hosts = scene.copies.flatMap(({ node, spec }) => {
    const host = scene.live?.hosts.find((one) => one.name === node);
    return host?.address === undefined || spec === undefined || host.address === spec.address ? [] : [{ node, from: host.address, to: spec.address }];
  });
  if (hosts.length === 0) return [];
  const begun = scene.copies.some(({ file }) => file !== undefined && scene.copies.every(({ node, spec }) => file.hosts.find(({ name }) => name === node)?.address === spec?.address));
  const why = primaries.length > 1
    ? `${primaries.join(' and ')} are both Primary: the connection ends for a moment, and both would write apart from each other. Make one of them Secondary first`
    : begun ? undefined : notInSync({ resource: scene.name, nodes: nodesOf(diskful(scene.copies)) }, scene.facts);
  return hosts.map(({ node, from, to }) => ({ path: `nodes.${node}.address`, from, to, effect: why === undefined ? 'live' : 'refused', note: why ?? 'the connection is taken down and made anew' }));
}

function backingFields(scene: Scene): readonly FieldChange[] {
  return scene.copies.flatMap((copy): readonly FieldChange[] => {
    const host = scene.live?.hosts.find((one) => one.name === copy.node);
    const meta = host?.metaDisk !== undefined && host.metaDisk !== 'internal' && copy.backing !== undefined;
    return [
      ...(isBackingChanged(copy, host) ? [{ path: `nodes.${copy.node}.backing`, from: host?.disk ?? 'none', to: copy.backing?.path ?? 'none', effect: 'refused' as const, note: 'its data lies on the other device: take the node out of the manifest and put it back as a new replica' }] : []),
      ...(meta ? [{ path: 'metadata', from: host.metaDisk, to: 'internal', effect: 'refused' as const, note: 'its metadata lies on another device, which latido does not manage' }] : []),
    ];
  });
}

function minorFields({ spec, minor }: Scene): readonly FieldChange[] {
  if (spec.minor === undefined || spec.minor === minor) return [];
  return [{ path: 'minor', from: minor, to: spec.minor, effect: 'refused', note: 'guests and LVM know the device by this number: it stays' }];
}

/** No file shows which version of a secret it holds: what was written last is remembered, and all files must hold the same. */
function secretFields(scene: Scene, subject: Subject<DrbdSpec>): readonly FieldChange[] {
  const { sharedSecret } = scene.spec;
  const values = new Set(scene.copies.flatMap(({ file }) => (file ? [file.options.get('net.shared-secret')] : [])));
  const had = [...values].some((value) => value !== undefined);
  if (!sharedSecret) return had ? [{ path: 'sharedSecret', from: SOME_SECRET, to: undefined, effect: 'live' }] : [];
  const owned = scene.copies.some(({ text }) => text !== undefined && markOf(text)?.mark === scene.mark);
  const isDue = values.size > 1 || isSecretDue(sharedSecret, 'sharedSecret', subject, { state: had ? 'set' : 'absent', owned }, scene.facts);
  return isDue ? [{ path: 'sharedSecret', from: had ? SOME_SECRET : undefined, to: sharedSecret, effect: 'live' }] : [];
}

const SOME_SECRET = '<secret>';

function markFields({ copies, spec, mark }: Scene): readonly FieldChange[] {
  const marks = copies.flatMap(({ text }) => (text === undefined ? [] : [markOf(text)]));
  const wanted = spec.reclaim ?? 'keep';
  const other = marks.find((one) => one?.mark === mark && one.reclaim !== wanted);
  return other ? [{ path: 'reclaim', from: other.reclaim, to: wanted, effect: 'live' }] : [];
}

/** Replicas that come and go. */
function hostFields(scene: Scene): readonly FieldChange[] {
  const { live, copies } = scene;
  const had = (live?.hosts ?? []).map(({ name }) => name);
  const wanted = nodesOf(copies);
  const old = changesHosts(scene) ? undefined : 'DRBD 8.4 has two copies, and one of them may be replaced at a time';
  const change = (path: string, from: string | undefined, to: string | undefined, why: string | undefined): FieldChange => ({ path, from, to, effect: why === undefined ? 'live' : 'refused', ...(why === undefined ? {} : { note: why }) });
  return [
    ...wanted.filter((node) => !had.includes(node)).map((node) => change(`nodes.${node}`, undefined, copyText(copies.find((copy) => copy.node === node)), old)),
    ...had.filter((node) => !wanted.includes(node)).map((node) => change(`nodes.${node}`, live?.hosts.find(({ name }) => name === node)?.disk ?? 'none', undefined, old ?? whyStays(scene, node)?.reason)),
  ];
}

function copyText(copy: Copy | undefined): string {
  return copy?.backing?.path ?? 'diskless';
}
