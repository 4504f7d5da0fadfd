// In: an address as wanted and as found. Out: the steps, one node after another, the one that has the address last. Pure.
// Must never let two nodes keep it that do not hear each other, nor put aside a configuration that holds more than this address.
import type { FieldChange } from '../../model/change.ts';
import type { KindContext, Steps } from '../../model/kind.ts';
import type { Condition, Hold, Step } from '../../model/step.ts';
import { compareText } from '../../model/ref.ts';
import { mainText, markOf } from '../../virtual-ip/keepalived-text.ts';
import { parseKeepalived } from '../../virtual-ip/keepalived-file.ts';
import { deadMs } from '../../virtual-ip/heartbeat-text.ts';
import { command, wait, withHold } from '../drbd/commands.ts';
import { compareNode } from './compare.ts';
import type { Compared } from './compare.ts';
import { ADVERT_SECONDS } from './schema.ts';
import { noOwnAddress, remove, start, takeOut, write } from './programs.ts';
import { bare, nodesOf, nodesWithOurs, oursIn } from './scene.ts';
import type { Member, Scene } from './scene.ts';
import { mainFileOf } from './seen.ts';
import { setupOf } from './wanted.ts';

/** At least; nodes may be slow to begin. */
const HELD_MS = { keepalived: 2 * 60_000, heartbeat: 5 * 60_000 } as const;

export function compareAll(scene: Scene, isNewSecret: boolean): readonly Compared[] {
  return scene.members.map((member) => compareNode(scene, member, isNewSecret));
}

export function fieldsOf(scene: Scene, compared: readonly Compared[]): readonly FieldChange[] {
  const gone = scene.leaving.map(({ node }): FieldChange => ({ path: `nodes.${node}`, from: 'in the configuration', to: undefined, effect: 'live' }));
  return [...compared.flatMap(({ fields }) => fields), ...gone];
}

/** Of an address that no node has or is told of. */
export function newFields({ spec, provider, members }: Scene): readonly FieldChange[] {
  const priorities = members.map(({ node, priority }) => [`nodes.${node}`, `priority ${priority}`] as const);
  return [['address', spec.address] as const, ['interface', spec.interface] as const, ['provider', provider] as const, ...priorities].map(([path, to]) => ({ path, from: undefined, to, effect: 'live' }));
}

export function setUp(scene: Scene, compared: readonly Compared[], isAdopted: boolean): Steps {
  const hold = impossible(scene, compared) ?? (isAdopted ? unlike(compared) : undefined);
  const former = scene.members.filter(({ programs }) => oursIn(programs, scene.mark).some((one) => one.name === scene.name && one.provider !== scene.provider));
  const ended = withdrawal(scene, former);
  const first = [...withdrawal(scene, scene.leaving), ...(former.some(({ has }) => has) ? withCost(ended, `the address is away until ${scene.provider} has it`, aloneSeconds(scene)) : ended)];
  const isDeep = compared.some(({ isDeaf, running }) => isDeaf && running);
  const steps = isDeep ? deepChange(scene, compared) : rollingChange(scene, compared);
  // Another one takes it within a moment, unless it is told to read its files anew meanwhile: then it listens anew as well.
  const isTaken = scene.leaving.some(({ has }) => has) && (steps.length === 0 || compared.some((one) => isKnown(scene, one)));
  const settled = first.length > 0 && isTaken ? [waitHeld(scene)] : [];
  return { steps: withHold([...first, ...settled, ...steps], hold), notes: notesOf(scene, compared, isDeep) };
}

/** Those that run and do not have it, the one that has it, those that are new. */
function rollingChange(scene: Scene, compared: readonly Compared[]): readonly Step[] {
  const due = compared.filter(({ isStale, running, enabled, isBehind }) => isStale || !running || !enabled || isBehind);
  const known = due.filter((one) => isKnown(scene, one));
  const ordered = [...known.filter(({ member }) => !member.has), ...known.filter(({ member }) => member.has), ...due.filter((one) => !isKnown(scene, one))];
  const guards = heldGuards(scene);
  return ordered.flatMap((one, at) => {
    // Whoever begins alone has it soon; the next one must hear of that, or it takes it as well.
    const isFirst = at === 0 && !compared.some((each) => isKnown(scene, each));
    return [...putInForce(scene, one, guards), ...(isFirst || one.member.has ? [waitHeld(scene)] : [])];
  });
}

/** It takes part already. */
function isKnown({ provider }: Scene, { running, seen }: Compared): boolean {
  return running && seen?.by === provider;
}

/** What all must have alike is changed where the address is, while no other node could take it. */
function deepChange(scene: Scene, compared: readonly Compared[]): readonly Step[] {
  const pivot = compared.find(({ member }) => member.has) ?? compared.find(({ running }) => running);
  const others = compared.filter((one) => one !== pivot);
  const guards = heldGuards(scene);
  if (!pivot) return [];
  return [
    ...others.filter(({ running, seen }) => running && seen?.by === scene.provider).map((one) => takeOut(scene, one, guards)),
    ...withCost(putInForce(scene, pivot, guards), 'the address is away meanwhile', aloneSeconds(scene)), waitHeld(scene),
    ...others.flatMap((one) => putInForce(scene, { ...one, isStale: true, running: false }, guards)),
  ];
}

function putInForce(scene: Scene, one: Compared, guards: readonly Condition[]): readonly Step[] {
  const { member, isStale, running, enabled, isBehind } = one;
  if (!isStale && running && !enabled && !isBehind) return [command(member.node, `have ${scene.provider} started with the node`, ['systemctl', 'enable', scene.provider])];
  const isMoving = scene.provider === 'heartbeat' && running && member.has;
  const told = [start(scene, one, guards)];
  const begun = isBehind && member.has && !isMoving ? withCost(told, 'the address may be away meanwhile', aloneSeconds(scene)) : told;
  return [...(isStale ? [write(scene, one, guards)] : []), ...(isMoving ? withCost(begun, 'the address goes to the other node', awaySeconds(scene)) : begun)];
}

function withCost(steps: readonly Step[], note: string, seconds: number): readonly Step[] {
  return steps.map((step, at) => (at === steps.length - 1 ? { ...step, cost: { note, seconds } } : step));
}

function awaySeconds(scene: Scene): number {
  const setup = setupOf(scene);
  return setup ? Math.ceil(deadMs(setup) / 1000) : 5;
}

/** From its start until one that hears nobody has it: keepalived misses three beats and some, heartbeat waits for a first time. */
function aloneSeconds({ provider, spec: { advertSeconds = ADVERT_SECONDS } }: Scene): number {
  return provider === 'keepalived' ? Math.ceil(advertSeconds * 4) + 1 : Math.ceil(Math.max(10, advertSeconds * 10)) + 5;
}

function waitHeld(scene: Scene): Step {
  return wait(`wait until one node has ${scene.address}`, { is: 'address-held', address: scene.spec.address, nodes: nodesOf(scene.members) }, Math.max(HELD_MS[scene.provider], aloneSeconds(scene) * 2000));
}

/** While exactly one node of the manifest has it, nothing is done once that is no longer so. */
function heldGuards({ holders, members, spec, name, mark, provider }: Scene): readonly Condition[] {
  const [holder] = holders;
  // The program that kept it before has let go of it by then.
  const isByFormer = holder && oursIn(holder.programs, mark).some((one) => one.name === name && one.provider !== provider);
  if (holders.length !== 1 || !holder || !members.includes(holder) || isByFormer) return [];
  return [{ is: 'address-held', address: spec.address, nodes: nodesOf(members), by: holder.node }];
}

/** The one that has it last: it is there for as long as possible. */
function withdrawal(scene: Scene, members: readonly Member[]): readonly Step[] {
  return [...members].sort((a, b) => Number(a.has) - Number(b.has) || a.priority - b.priority)
    .flatMap(({ node, programs }) => oursIn(programs, scene.mark).filter(({ name, provider }) => name === scene.name && (provider !== scene.provider || !scene.spec.nodes[node])).map(({ provider }) => remove(node, scene.name, provider, scene.mark)));
}

/** Of an address that left Git: what is known of it stands in its files. */
export function takeDown(name: string, { facts, mark }: KindContext): Steps {
  const found = nodesWithOurs(name, mark, facts).flatMap((node) => {
    const fact = facts.storageNodes?.get(node);
    const programs = fact?.virtualIp ?? {};
    const address = parseKeepalived(programs.keepalived?.parts.get(name) ?? '')?.instances[0]?.addresses[0] ?? /IPaddr2::([^/\s]+)/.exec(programs.heartbeat?.files.get('haresources') ?? '')?.[1];
    const has = address !== undefined && fact?.addresses.some((one) => bare(one.address) === bare(address)) === true;
    return oursIn(programs, mark).filter((one) => one.name === name).map(({ provider }) => ({ node, provider, has }));
  });
  const ordered = found.sort((a, b) => Number(a.has) - Number(b.has) || compareText(a.node, b.node));
  const steps = ordered.map(({ node, provider }) => remove(node, name, provider, mark));
  return { steps: steps.map((step, at) => (at === steps.length - 1 ? { ...step, cost: { note: 'then no node has the address' } } : step)) };
}

function refusal(reason: string): Hold {
  return { code: 'REFUSED', reason, approvable: false };
}

function impossible(scene: Scene, compared: readonly Compared[]): Hold | undefined {
  const { provider, members, address, name, mark, spec } = scene;
  const bareNode = members.find(({ programs }) => !programs[provider]);
  if (bareNode) return refusal(`${provider} is not installed on ${bareNode.node}: apt install ${provider}`);
  const lost = noOwnAddress(scene);
  if (lost !== undefined) return refusal(lost);
  const other = members.flatMap(({ node, programs }) => oursIn(programs, mark).filter((one) => one.name !== name && isOtherKept(one.name, programs, address)).map((one) => ({ node, other: one.name })))[0];
  if (other) return { code: 'WAITS_FOR', reason: `VirtualIP/${other.other} still has ${address} on ${other.node}`, approvable: false };
  const elsewhere = compared.find(({ seen }) => seen?.whose === 'theirs' && seen.by !== provider);
  if (elsewhere) return refusal(`${elsewhere.seen?.by ?? ''} on ${elsewhere.member.node} keeps ${address}: write provider: ${elsewhere.seen?.by ?? ''} to take it over, or stop it there`);
  const byHand = compared.find(({ member, seen }) => member.has && !seen);
  if (byHand) return refusal(`${byHand.member.node} has ${address} on an interface, and neither keepalived nor heartbeat put it there: take it away by hand (ip addr del ${spec.address} dev …)`);
  return provider === 'keepalived' ? foreignMain(scene) : foreignHeartbeat(scene, compared);
}

function isOtherKept(name: string, programs: Member['programs'], address: string): boolean {
  const part = programs.keepalived?.parts.get(name);
  return part === undefined || parseKeepalived(part)?.instances[0]?.addresses.some((one) => bare(one) === address) === true;
}

function foreignMain(scene: Scene): Hold | undefined {
  for (const { node, programs } of scene.members) {
    const main = mainFileOf(programs, mainText(scene.mark), scene.address, scene.mark);
    if (main.is === 'foreign') return refusal(`/etc/keepalived/keepalived.conf on ${node} stays as it is (${main.why}): take this address out of it, and write the line include /etc/keepalived/conf.d/latido-*.conf into it`);
  }
  return undefined;
}

function foreignHeartbeat({ mark }: Scene, compared: readonly Compared[]): Hold | undefined {
  for (const { member, seen } of compared) {
    const files = member.programs.heartbeat?.files ?? new Map<string, string>();
    const others = seen?.by === 'heartbeat' ? seen.files.others : [];
    if (others.length > 0) return refusal(`heartbeat on ${member.node} also keeps ${others.join(', ')}: take it out of /etc/ha.d/haresources first`);
    if (!seen && files.size > 0 && markOf(files.get('ha.cf') ?? '')?.mark !== mark) return refusal(`/etc/ha.d on ${member.node} is of another set-up: move its files away first`);
  }
  return undefined;
}

/** What was made by somebody else is put aside without a word only when it is told the same. */
function unlike(compared: readonly Compared[]): Hold | undefined {
  const differing = compared.flatMap(({ seen, fields }) => (seen?.whose === 'theirs' ? fields : [])).filter(({ path }) => /\.(?:address|interface|routerId|preferred)$/.test(path));
  if (differing.length === 0) return undefined;
  return { code: 'ADOPT_POLICY', reason: `latido did not set it up, and it differs: ${differing.map(({ path, from }) => `${path} is ${JSON.stringify(from)}`).join(', ')}`, approvable: true };
}

function notesOf({ provider, address }: Scene, compared: readonly Compared[], isDeep: boolean): readonly string[] {
  const aside = compared.filter(({ seen }) => seen?.whose === 'theirs').map(({ member }) => member.node);
  return [
    ...(isDeep ? [`nodes that are told different things would not hear each other and both take ${address}: for the change only one keeps it`] : []),
    ...(aside.length > 0 ? [`the configuration that is there on ${aside.join(' and ')} is kept as ${provider === 'keepalived' ? 'keepalived.conf.before-latido' : '*.before-latido'}`] : []),
  ];
}
