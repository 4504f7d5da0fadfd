// Who sees whom, and who may write (owner: S3).
import type { ClusterState } from './state.ts';

/** Whether the node's partition has more than half of the votes. */
export function isQuorate(state: ClusterState, node: string): boolean {
  const nodes = Object.values(state.nodes);
  const isUp = (name: string) => state.nodes[name]?.power === 'on' && state.nodes[name]?.network === 'up';
  const votes = isUp(node) ? nodes.filter((one) => isUp(one.name)).length + (state.qdevice ? 1 : 0) : 1;
  return votes * 2 > nodes.length + (state.qdevice ? 1 : 0);
}

/** How a call that `from` passes on to `to` fails, or nothing. */
export function proxyFailure(state: ClusterState, from: string, to: string): { readonly afterMs: number; readonly status: number; readonly reason: string } | undefined {
  const target = state.nodes[to];
  if (from === to || (target?.power === 'on' && target.network === 'up')) return undefined;
  return { afterMs: 2500, status: 595, reason: 'No route to host' };
}
