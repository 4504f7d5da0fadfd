// Comparing copies: `drbdadm verify` in time, what a disk changed by itself, and what the kernel says of it.
// In: what a node is told, and deeds of a story. Out: blocks that both sides mark as different. The product's own scripts are run by
// their meaning.
// Must never mark what is equal, nor cure anything by itself.
import type { Simulation } from '../simulation.ts';
import { backingOf, hostOf } from './devices.ts';
import { slotOf } from './generations.ts';
import { isLinked, peersOf, Refused } from './kernel.ts';
import type { Run } from './output.ts';
import type { Medium, Peer, Replica } from './state.ts';
import { VERIFY_NOTES } from '../../drbd/scripts.ts';

const VERIFY_BYTES_PER_SECOND = 40 * 2 ** 20;
const SECTOR_BYTES = 512;
const BLOCK_BYTES = 4096;

/** @param fromBytes where to begin; absent: where the last one was broken off */
export function verify(sim: Simulation, node: string, replica: Replica, names: readonly string[], fromBytes?: number): void {
  const peers = [...peersOf(sim, replica, 'Connected')].filter(([name]) => names.includes(name));
  if (peers.length === 0) throw new Refused(11, 'State change failed: (-15) Need a connection to start verify or resync');
  if (peers.some(([, peer]) => (peer.net['verify-alg'] ?? '') === '')) throw new Refused(11, 'State change failed: (-14) Need a verify algorithm to start online verify');
  for (const [name, peer, other] of peers) {
    const back = other.peers[node];
    if (!back || peer.sync) continue;
    const startBytes = fromBytes ?? peer.verifiedBytes ?? 0;
    const sync = { startedAtMs: sim.clock.now(), totalBytes: Math.max(0, replica.sizeBytes - startBytes), bytesPerSecond: VERIFY_BYTES_PER_SECOND };
    Object.assign(peer, { replication: 'VerifyS', sync });
    Object.assign(back, { replication: 'VerifyT', sync: { ...sync } });
    say(sim, node, replica, name, `Starting Online Verify from sector ${startBytes / SECTOR_BYTES}`);
    sim.clock.after((sync.totalBytes / sync.bytesPerSecond) * 1000, () => { if (peer.sync === sync) endVerify(sim, replica, node, name); }, { background: true, label: `drbd ${replica.resource}: verify with ${name}` });
  }
}

/** It is known in the kernel, until that ends, how far it came. */
export function breakOff(peer: Peer, leftBytes: number, sizeBytes: number): void {
  if (peer.replication === 'VerifyS') peer.verifiedBytes = Math.max(0, sizeBytes - leftBytes);
}

function endVerify(sim: Simulation, replica: Replica, node: string, name: string): void {
  // Over a line that is cut nothing comes back: it is broken off as soon as that is noticed.
  if (!isLinked(sim, node, name)) return;
  const other = hostOf(sim, name).replicas[replica.resource];
  const seconds = Math.round(((replica.peers[name]?.sync?.totalBytes ?? 0) / VERIFY_BYTES_PER_SECOND));
  const foundBytes = other ? mark(sim, [node, replica], [name, other]) : 0;
  say(sim, node, replica, name, `Online verify done (total ${seconds} sec; paused 0 sec; ${VERIFY_BYTES_PER_SECOND / 1024} K/sec)`);
  if (foundBytes > 0) say(sim, node, replica, name, `Online verify found ${foundBytes / BLOCK_BYTES} 4k block${replica.nodeId < 0 ? '' : 's'} out of sync!`);
  for (const peer of [replica.peers[name], other?.peers[node]]) {
    if (!peer) continue;
    peer.replication = 'Established';
    delete peer.sync;
    delete peer.verifiedBytes;
  }
  sim.log.write(node, `drbd ${replica.resource}: verified with ${name}${foundBytes > 0 ? `, ${foundBytes / 1024} KiB differ` : ''}`);
}

/** Both sides mark what differs between them; answers all that is marked. */
function mark(sim: Simulation, [a, first]: readonly [string, Replica], [b, second]: readonly [string, Replica]): number {
  const [mine, theirs] = [backingOf(sim, a, first), backingOf(sim, b, second)];
  if (!mine?.metadata || !theirs?.metadata) return 0;
  const bytes = differingBytes(mine, theirs);
  const slots = [slotOf(mine.metadata, b), slotOf(theirs.metadata, a)];
  if (bytes > 0) for (const slot of slots) Object.assign(slot, { isCompared: true, outOfSyncBytes: Math.max(slot.outOfSyncBytes, bytes) });
  return Math.max(...slots.map(({ outOfSyncBytes }) => outOfSyncBytes));
}

/** What one disk changed by itself and the other did not. */
export function differingBytes(a: Medium, b: Medium): number {
  const only = (one: Medium, other: Medium) => Object.entries(one.rotten ?? {}).reduce((sum, [id, bytes]) => sum + (other.rotten?.[id] === undefined ? bytes : 0), 0);
  return only(a, b) + only(b, a);
}

/** A copy is as its source in all that was copied. */
export function copyRot(from: Medium, to: Medium): void {
  if (from.rotten) to.rotten = { ...from.rotten };
  else delete to.rotten;
}

/** A disk gives back other bytes than were written, and no error. */
export function rot(sim: Simulation, node: string, resource: string, bytes: number): void {
  const replica = hostOf(sim, node).replicas[resource];
  const medium = replica && backingOf(sim, node, replica);
  if (!medium) return sim.log.write('story', `${node} has no disk of ${resource}`);
  medium.rotten = { ...medium.rotten, [`${node} ${sim.clock.now()}`]: Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES };
}

/** 8.4 names the device alone. */
function say(sim: Simulation, node: string, replica: Replica, peer: string, words: string): void {
  const who = replica.nodeId < 0 ? `block drbd${replica.minor}` : `drbd ${replica.resource}/0 drbd${replica.minor} ${peer}`;
  const host = hostOf(sim, node);
  host.kernelLog = [...host.kernelLog ?? [], `[${String((sim.clock.now() - (sim.state.nodes[node]?.startedAtMs ?? 0)) / 1000).padStart(12)}] ${who}: ${words}`];
}

// The product's scripts (drbd/scripts.ts)

type Drbdadm = (words: readonly string[]) => number;

export function runBeginVerify(sim: Simulation, [name = '', due = '', start = '', ...targets]: readonly string[], { node }: Run, drbdadm: Drbdadm): number {
  for (const target of targets) {
    const code = drbdadm(start === '-' ? ['verify', target] : ['--', `--start=${start}`, 'verify', target]);
    if (code !== 0) return code;
  }
  hostOf(sim, node).files[`${VERIFY_NOTES}/verify-${name}`] = `due ${due}\nbegun ${secondsNow(sim)}\n`;
  return 0;
}

export function runEndVerify(sim: Simulation, [name = '', due = '', ...found]: readonly string[], { node, output }: Run): number {
  const { files } = hostOf(sim, node);
  const path = `${VERIFY_NOTES}/verify-${name}`;
  const [first, second] = (files[path] ?? '').split('\n');
  if (first !== `due ${due}`) {
    output.err(`${path} is of another comparison\n`);
    return 1;
  }
  files[path] = `${[first, second, `ended ${secondsNow(sim)}`, ...found.map((one) => `found ${one}`)].join('\n')}\n`;
  return 0;
}

export function runReadVerifies(sim: Simulation, { node, output }: Run): number {
  const { files, kernelLog = [] } = hostOf(sim, node);
  const notes = Object.keys(files).filter((path) => path.startsWith(`${VERIFY_NOTES}/verify-`)).sort();
  for (const path of notes) output.out(`verify ${path.slice(VERIFY_NOTES.length + '/verify-'.length)}\n${files[path] ?? ''}`);
  if (notes.some((path) => !/^ended /m.test(files[path] ?? ''))) output.out(kernelLog.map((line) => `${line}\n`).join(''));
  return 0;
}

function secondsNow(sim: Simulation): number {
  return Math.floor(sim.clock.now() / 1000);
}
