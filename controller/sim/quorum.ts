// Who sees whom, who may write, and how calls between nodes fail.
// In: the cluster's state: power, links, memberships agreed on. Out: answers about one node's view of the others.
// Must never change anything: corosync.ts does, in time.
import type { ClusterState } from './state.ts';

/** From power on until corosync runs, and until pveproxy answers (recorded: online at 7 s, proxied at 9.6 s). */
export const COROSYNC_START_MS = 6_900;
export const PROXY_START_MS = 9_000;
/** A call on a connection whose other end died hangs until the kernel gives up (recorded 5.7 s after the loss). */
const HANGING_MS = 5_700;
const NO_ROUTE_MS = 2_500;

/** Time to notice a lost member: corosync's token timeout for this many nodes, and the consensus after it. */
export function lossDelayMs(nodes: number): number {
  const tokenMs = 3000 + Math.max(0, nodes - 2) * 650;
  return tokenMs + tokenMs * 1.2;
}

/** The members of the node's partition as its corosync last agreed on; the node itself included. */
export function membersSeenBy(state: ClusterState, node: string): ReadonlySet<string> {
  return new Set(state.ha.corosync.members[node] ?? Object.values(state.nodes).flatMap((one) => (one.power === 'on' ? [one.name] : [])));
}

/** Whether the node's partition has more than half of the votes; what `.members` and the HA status say. */
export function isQuorate(state: ClusterState, node: string): boolean {
  if (state.nodes[node]?.power !== 'on') return false;
  const expected = Object.keys(state.nodes).length + (state.qdevice ? 1 : 0);
  const votes = membersSeenBy(state, node).size + (hasDeviceVote(state, node) ? 1 : 0);
  return votes * 2 > expected;
}

/** What /cluster/status says: its workers read the cluster's state again only when members came or went. */
export function shownQuorate(state: ClusterState, node: string): 0 | 1 {
  return state.ha.corosync.shownQuorate[node] ?? (isQuorate(state, node) ? 1 : 0);
}

/** The QDevice's vote: to the larger part, to the lowest node id when both are alike. */
function hasDeviceVote(state: ClusterState, node: string): boolean {
  if (!state.qdevice || state.ha.corosync.qnetd === 'off') return false;
  const mine = membersSeenBy(state, node);
  const rivals = Object.values(state.nodes).filter((one) => one.power === 'on' && !mine.has(one.name)).map((one) => membersSeenBy(state, one.name));
  return rivals.every((other) => mine.size > other.size || (mine.size === other.size && lowestId(state, mine) < lowestId(state, other)));
}

function lowestId(state: ClusterState, members: ReadonlySet<string>): number {
  return Math.min(...[...members].map((name) => state.nodes[name]?.nodeId ?? Infinity));
}

/** Whether two nodes can exchange packets now, agreed on or not. */
export function isLinked(state: ClusterState, a: string, b: string): boolean {
  if (a === b) return true;
  const { cut } = state.ha.corosync;
  return !cut[a] && !cut[b] && state.nodes[a]?.network !== 'down' && state.nodes[b]?.network !== 'down';
}

export interface ProxyFailure {
  readonly afterMs: number;
  readonly status: number;
  readonly reason: string;
  /** The member closes the caller's connection instead of answering. */
  readonly closes?: true;
}

/** How a call that `from` passes on to `to` fails, or nothing. */
export function proxyFailure(state: ClusterState, from: string, to: string, nowMs = Infinity): ProxyFailure | undefined {
  if (from === to) return undefined;
  const target = state.nodes[to];
  const { lostAtMs } = state.ha.corosync;
  if (!target || target.power === 'off' || !isLinked(state, from, to)) {
    const lost = Math.max(lostAtMs[to] ?? -Infinity, lostAtMs[from] ?? -Infinity);
    const hangsMs = lost + HANGING_MS - nowMs;
    if (hangsMs > NO_ROUTE_MS) return { afterMs: hangsMs, status: 595, reason: 'No route to host', closes: true };
    return { afterMs: NO_ROUTE_MS, status: 595, reason: 'No route to host' };
  }
  return isProxyUp(state, to, nowMs) ? undefined : { afterMs: 0, status: 595, reason: 'Connection refused' };
}

/** A call that pvedaemon must do, on a node where it does not run. */
export function daemonFailure(state: ClusterState, node: string, isProtected: boolean): ProxyFailure | undefined {
  const stopped = isProtected && state.ha.corosync.stopped[node]?.includes('pvedaemon');
  return stopped ? { afterMs: 0, status: 595, reason: 'Connection refused' } : undefined;
}

/** Whether the node's pveproxy takes connections: it starts some seconds after the node, and can be stopped. */
export function isProxyUp(state: ClusterState, node: string, nowMs: number): boolean {
  const one = state.nodes[node];
  if (!one || one.power === 'off' || state.ha.corosync.stopped[node]?.includes('pveproxy')) return false;
  return state.ha.corosync.bootedAtMs[node] === undefined || nowMs >= state.ha.corosync.bootedAtMs[node] + PROXY_START_MS;
}
