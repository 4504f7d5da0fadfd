// In: facts and what a planned change will take. Out: facts as the next object should see them; no I/O.
import type { Facts } from '../model/facts.ts';
import type { Usage } from '../model/kind.ts';

export function useFacts(facts: Facts, uses: Usage | undefined): Facts {
  if (!uses) return facts;
  const nodes = facts.nodes.map((node) => ({
    ...node,
    memUsed: node.memUsed + (node.name === uses.memory?.node ? uses.memory.bytes : 0),
    guests: node.guests + (node.name === uses.guests?.node ? 1 : 0),
  }));
  const storages = uses.storage && uses.storage.length > 0 ? facts.storages.map((row) => ({ ...row, used: row.used + taken(row.storage, row.node, row.shared, uses) })) : facts.storages;
  const placed = placedWith(facts.placed, uses.guests);
  return { ...facts, nodes, storages, ...(placed ? { placed } : {}) };
}

// One map is handed on and added to, because a copy for each guest would make plans of thousands slow; what was asked of
// earlier facts was asked before.
function placedWith(placed: Facts['placed'], guest: Usage['guests']): Facts['placed'] {
  if (guest?.vmid === undefined) return placed;
  const all = placed instanceof Map ? placed : new Map<number, string>();
  return all.set(guest.vmid, guest.node);
}

function taken(storage: string, node: string, shared: boolean, uses: Usage): number {
  return (uses.storage ?? []).filter((use) => use.storage === storage && (shared || use.node === node)).reduce((sum, use) => sum + use.bytes, 0);
}
