// In: the copies of a resource. Out: what comparing them tells: what runs, what differs, and when it was done last, in words. Pure.
import type { Standing } from '../../model/kind.ts';
import type { PeerFact, VerifyFact } from '../../model/node-facts.ts';
import type { Copy, Scene } from './scene.ts';
import { diskful } from './scene.ts';

const KIB = 1024;

/** `48 KiB`, `1.5 MiB`. */
export function amount(bytes: number): string {
  if (bytes === 0) return '0 bytes';
  if (bytes < KIB ** 2) return `${Math.ceil(bytes / KIB)} KiB`;
  return bytes < KIB ** 3 ? `${Number((bytes / KIB ** 2).toFixed(1))} MiB` : `${Number((bytes / KIB ** 3).toFixed(2))} GiB`;
}

/** `2026-11-22T03:00Z`. */
export function minute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** `pve1 with pve2, 41 % done`, while copies are being compared, by whomever. */
export function comparing(copies: readonly Copy[]): string | undefined {
  const sides = copies.flatMap(({ node, replica }) => (replica?.peers ?? []).filter(({ replication }) => /^Verify[ST]$/.test(replication)).map((peer) => ({ node, peer })));
  const side = sides.find(({ peer }) => peer.replication === 'VerifyS') ?? sides[0];
  if (!side) return undefined;
  const { node, peer } = side;
  const [begins, other] = peer.replication === 'VerifyS' ? [node, peer.name] : [peer.name, node];
  return `${begins} with ${other}${peer.donePercent === undefined ? '' : `, ${Math.floor(peer.donePercent)} % done`}`;
}

export interface Difference { readonly nodes: readonly [string, string]; readonly bytes: number }

/** Good copies of which both sides say that they differ. What one side alone says passes by itself. */
export function differencesOf(copies: readonly Copy[]): readonly Difference[] {
  return pairsOf(copies).flatMap(([a, b]): readonly Difference[] => {
    const [there, back] = [steady(a, b)?.outOfSyncBytes ?? 0, steady(b, a)?.outOfSyncBytes ?? 0];
    return Math.min(there, back) > 0 ? [{ nodes: [a.node, b.node], bytes: Math.max(there, back) }] : [];
  });
}

function pairsOf(copies: readonly Copy[]): readonly (readonly [Copy, Copy])[] {
  const data = diskful(copies);
  return data.flatMap((a, at) => data.slice(at + 1).map((b) => [a, b] as const));
}

/** What the one says of the other while both are good and nothing is copied. */
function steady(from: Copy, to: Copy): PeerFact | undefined {
  if (from.replica?.disk !== 'UpToDate') return undefined;
  return from.replica.peers.find(({ name, connection, disk, replication }) => name === to.node && connection === 'Connected' && disk === 'UpToDate' && /^(?:Established|Verify[ST])$/.test(replication));
}

export function differencesText(differences: readonly Difference[]): string {
  return differences.map(({ nodes, bytes }) => `${amount(bytes)} differ between ${nodes.join(' and ')}`).join(', ');
}

export interface LastVerify { readonly node: string; readonly fact: VerifyFact }

/** The one that was due last, as the node tells that began it. */
export function lastVerify({ name, copies }: Pick<Scene, 'name' | 'copies'>): LastVerify | undefined {
  const all = diskful(copies).flatMap(({ node, fact }) => {
    const found = fact.verifies?.get(name);
    return found ? [{ node, fact: found }] : [];
  });
  return all.sort((a, b) => b.fact.dueMs - a.fact.dueMs || b.fact.begunMs - a.fact.begunMs)[0];
}

/** Bytes by peer, where 8.4 named none. */
export function foundOf({ copies }: Pick<Scene, 'copies'>, { node, fact }: LastVerify): readonly (readonly [peer: string, bytes: number])[] {
  const others = diskful(copies).filter((copy) => copy.node !== node).map((copy) => copy.node);
  return [...fact.found ?? []].map(([peer, bytes]) => [peer === '' ? others[0] ?? 'peer' : peer, bytes] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** `compared 2026-11-22T03:00Z: 48 KiB differed between a and b`; of what came to its end. */
export function comparedText(scene: Pick<Scene, 'name' | 'copies'>): string | undefined {
  const last = lastVerify(scene);
  if (last?.fact.endedMs === undefined) return undefined;
  const found = foundOf(scene, last).filter(([, bytes]) => bytes > 0);
  return `compared ${minute(last.fact.begunMs)}: ${found.length === 0 ? '0 bytes differed' : found.map(([peer, bytes]) => `${amount(bytes)} differed between ${last.node} and ${peer}`).join(', ')}`;
}

function hasFound(scene: Scene): boolean {
  const last = lastVerify(scene);
  return last !== undefined && foundOf(scene, last).some(([, bytes]) => bytes > 0);
}

/** Nothing while a copy is missing or being copied: what differs shows only when all are good. */
export function verifyStanding(scene: Scene): Standing | undefined {
  if (pairsOf(scene.copies).some(([a, b]) => !steady(a, b) || !steady(b, a))) return undefined;
  const running = comparing(scene.copies);
  const compared = comparedText(scene);
  const differences = differencesOf(scene.copies);
  if (differences.length > 0) return { trouble: 'CopiesDiffer', message: `${differencesText(differences)}${compared === undefined ? '' : ` (${compared})`}` };
  if (running !== undefined) return { message: `as its manifest asks; its copies are being compared, ${running}` };
  return compared === undefined ? undefined : { message: `as its manifest asks; ${compared}${hasFound(scene) ? ', and they are equal again' : ''}` };
}
