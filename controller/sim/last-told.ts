// What nodes last told the cluster of their guests: all that /cluster/resources knows of guests on a node that has died.
// In: a node that loses its power. Out: for each guest that was on it, whether it ran. Kept as plain data.
import type { ClusterState, GuestState } from './state.ts';

interface Told { readonly node: string; readonly running: number; readonly uptime: number }

export function rememberLastTold(state: ClusterState, node: string, nowMs: number): void {
  const told: Record<string, { [key: string]: string | number }> = {};
  for (const guest of Object.values(state.guests)) {
    if (guest.node !== node) continue;
    told[String(guest.vmid)] = { node, running: guest.process ? 1 : 0, uptime: guest.process ? Math.floor((nowMs - guest.process.startedAtMs) / 1000) : 0 };
  }
  state.other.lastTold = { ...state.other.lastTold, ...told };
}

/** What the guest's present node said of it before it died; nothing when it never said anything. */
export function lastTold(state: ClusterState, guest: GuestState): Told | undefined {
  const told = state.other.lastTold?.[String(guest.vmid)] as Told | undefined;
  return told?.node === guest.node ? told : undefined;
}
