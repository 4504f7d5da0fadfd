// In: a way to look at the cluster. Out: what was seen, all of it by members of one partition; a member that is cut off answers
// reads as before, with facts that have grown old. Must never put what such a one said beside what the others said.
import { ConnectionError, PveError } from '../model/doors.ts';
import type { PveApi, Seat } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Json } from '../model/json.ts';
import { BULK } from './parse-facts.ts';

/** Links that come and go may spoil a look; three in a row, and the network is no ground to plan on. */
const LOOKS_MAX = 3;
/** A larger cluster names its endpoints as it likes; so many are asked for the quorate part. */
const ASKED_MAX = 5;

/** @throws Failure CLUSTER_DIVIDED when each look was answered by members that do not see each other */
export async function inOnePartition<T extends { readonly isQuorate: boolean }>(pve: PveApi, look: () => Promise<T>): Promise<T> {
  const { sight } = pve;
  if (sight === undefined) return look();
  const without = new Set<string>();
  for (let looks = 1; ; looks += 1) {
    sight.begin(without);
    const seen = await look();
    const strangers = await strangersAmong(pve, sight.used(), seen.isQuorate, without);
    if (strangers === 'none') return seen;
    if (looks >= LOOKS_MAX) throw divided([...without, ...strangers]);
    for (const endpoint of strangers) without.add(endpoint);
    if (sight.all().every(({ endpoint }) => without.has(endpoint))) throw divided([...without]);
  }
}

/** Endpoints whose answers do not count. One endpoint sees one partition; with more of them two calls tell who belongs together. */
async function strangersAmong(pve: PveApi, used: readonly Seat[], isQuorate: boolean, without: ReadonlySet<string>): Promise<readonly string[] | 'none'> {
  const all = pve.sight?.all().filter(({ endpoint }) => !without.has(endpoint)) ?? [];
  if (isQuorate && used.length <= 1) return 'none';
  const anchor = await quorateAmong(pve, isQuorate ? used : all);
  // Nobody is in a quorate part: all is held, whoever said it.
  if (anchor === undefined) return isQuorate ? [] : 'none';
  const members = await membersSeenAt(pve, anchor.endpoint);
  const strangers: string[] = [];
  for (const seat of used) if (seat.endpoint !== anchor.endpoint && !(await isMember(pve, seat, members))) strangers.push(seat.endpoint);
  // Not quorate and without a stranger: it was lost or came back in between, so the look says nothing.
  return isQuorate && strangers.length === 0 ? 'none' : strangers;
}

async function quorateAmong(pve: PveApi, seats: readonly Seat[]): Promise<Seat | undefined> {
  for (const seat of seats.slice(0, ASKED_MAX)) if (await isQuorateAt(pve, seat.endpoint)) return seat;
  return undefined;
}

/** An endpoint that no node is known to be (another name, a balancer) is asked itself. */
async function isMember(pve: PveApi, { endpoint, node }: Seat, members: ReadonlySet<string>): Promise<boolean> {
  return node === undefined ? isQuorateAt(pve, endpoint) : members.has(node);
}

async function isQuorateAt(pve: PveApi, endpoint: string): Promise<boolean> {
  return (await rowsAt(pve, BULK.haStatus, endpoint)).some((row) => isObject(row) && row.type === 'quorum' && Number(row.quorate) === 1);
}

async function membersSeenAt(pve: PveApi, endpoint: string): Promise<ReadonlySet<string>> {
  const rows = await rowsAt(pve, BULK.status, endpoint);
  return new Set(rows.flatMap((row) => (isObject(row) && row.type === 'node' && Number(row.online) === 1 && typeof row.name === 'string' ? [row.name] : [])));
}

async function rowsAt(pve: PveApi, path: string, at: string): Promise<readonly Json[]> {
  try {
    const answer = await pve.get(path, { at });
    return Array.isArray(answer) ? (answer as readonly Json[]) : [];
  } catch (error) {
    if (error instanceof PveError || error instanceof ConnectionError) return [];
    throw error;
  }
}

function divided(endpoints: readonly string[]) {
  return failure('CLUSTER_DIVIDED', `${endpoints.length === 0 ? 'the endpoints' : endpoints.join(', ')} answered, and no quorate part of the cluster holds all who did`, {
    fix: "look at the cluster's own network (corosync) and at pvecm status on each node; it is looked at again",
  });
}
