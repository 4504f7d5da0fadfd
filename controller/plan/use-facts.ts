// In: facts and what a planned change will take. Out: facts as the next object should see them. Pure.
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
  const vmid = uses.guests?.vmid;
  return { ...facts, nodes, storages, ...(vmid === undefined || !uses.guests ? {} : { placed: new Map([...facts.placed ?? [], [vmid, uses.guests.node]]) }) };
}

function taken(storage: string, node: string, shared: boolean, uses: Usage): number {
  return (uses.storage ?? []).filter((use) => use.storage === storage && (shared || use.node === node)).reduce((sum, use) => sum + use.bytes, 0);
}
