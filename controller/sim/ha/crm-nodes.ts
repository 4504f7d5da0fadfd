// What the HA manager thinks of each node.
// In: its last opinion, who is in the quorate partition, the LRMs' modes. Out: the new opinion.
// Must never call a node lost before its fence delay is over.
import type { LrmMode, ManagerStatus, NodeState } from './state.ts';

/** From the master's last sight of a node to the attempt to fence it. */
export const FENCE_DELAY_MS = 60_000;
const GONE_DELAY_MS = 3600_000;

export interface NodeSight {
  readonly nowMs: number;
  /** Members of the master's partition. */
  readonly online: ReadonlySet<string>;
  /** Every node of the cluster's configuration. */
  readonly configured: readonly string[];
  readonly modes: Readonly<Record<string, LrmMode>>;
}

/** Changes `status.node_status` and the master's memory of when it last saw whom. */
export function updateNodes(status: ManagerStatus, lastOnlineMs: Record<string, number>, sight: NodeSight, log: (line: string) => void): void {
  const change = (node: string, state: NodeState) => {
    const before = status.node_status[node] ?? 'unknown';
    if (state === before && status.node_status[node] !== undefined) return;
    status.node_status[node] = state;
    log(`node '${node}': state changed from '${before}' => '${state}'`);
  };
  for (const node of [...sight.online].sort()) {
    lastOnlineMs[node] = sight.nowMs;
    change(node, whenOnline(status.node_status[node] ?? 'unknown', sight.modes[node]));
  }
  for (const node of Object.keys(status.node_status).sort()) {
    if (sight.online.has(node)) continue;
    const state = status.node_status[node] ?? 'unknown';
    if (state === 'gone' && isOfflineFor(GONE_DELAY_MS, node, status, lastOnlineMs, sight.nowMs)) {
      delete status.node_status[node];
      delete lastOnlineMs[node];
      continue;
    }
    change(node, whenOffline(state, sight.modes[node], sight.configured.includes(node)));
  }
}

function whenOnline(state: NodeState, mode: LrmMode | undefined): NodeState {
  switch (state) {
    case 'online': return mode === 'maintenance' ? 'maintenance' : 'online';
    case 'maintenance': return mode === 'maintenance' ? 'maintenance' : 'online';
    case 'fence': return 'fence';
    case 'unknown':
    case 'gone': return 'online';
  }
}

function whenOffline(state: NodeState, mode: LrmMode | undefined, isConfigured: boolean): NodeState {
  switch (state) {
    case 'online': return 'unknown';
    case 'maintenance': return mode === 'maintenance' ? 'maintenance' : 'unknown';
    case 'unknown': return isConfigured ? 'unknown' : 'gone';
    case 'fence':
    case 'gone': return state;
  }
}

/** Whether the master has missed the node for `delayMs`; its first question about a node starts the count. */
export function isOfflineFor(delayMs: number, node: string, status: ManagerStatus, lastOnlineMs: Record<string, number>, nowMs: number): boolean {
  if (status.node_status[node] === 'online') return false;
  const last = lastOnlineMs[node];
  if (last === undefined) {
    lastOnlineMs[node] = nowMs;
    return false;
  }
  return nowMs - last >= delayMs;
}
