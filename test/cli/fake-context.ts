// A context of literals: what a test does not give is refused, and what was printed is kept.
import type { Context, DaemonDoors, Terminal, World } from '../../controller/cli/context.ts';
import { nearestTables, loadApiTables, tableVersions } from '../../controller/env/api-tables.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import { failure } from '../../controller/model/finding.ts';

export interface Told { out: string; err: string }

export function contextOf(world: Partial<World>, terminal: Partial<Terminal> = {}, signal?: AbortSignal): { readonly context: Context; readonly told: Told } {
  const told: Told = { out: '', err: '' };
  const missing = () => Promise.reject(failure('USAGE', 'not in this test'));
  const style = () => ({ color: false, width: 100, rows: 40 });
  const daemon: DaemonDoors = { store: () => { throw new Error('no store'); }, open: missing, ask: missing, onReload: () => () => undefined, ownAddresses: () => Promise.resolve([]), warn: (text) => void (told.err += `${text}\n`), random: () => 0.5, https: { check: missing, listen: missing }, newToken: () => 'lat_test', readSecret: missing, outbound: missing, usage: () => ({ cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 }) };
  return {
    told,
    context: {
      terminal: { out: (text) => void (told.out += text), err: (text) => void (told.err += text), style, errStyle: style, interactive: false, live: false, ask: () => Promise.resolve(undefined), ticker: () => () => undefined, ...terminal },
      world: {
        clock: { now: () => Date.UTC(2026, 0, 5, 8), sleep: missing }, version: '1', reportTo: undefined, tableVersions: tableVersions(), tables: loadApiTables,
        kindsFor(release) {
          const { tables } = nearestTables(release);
          return { version: tables.version, kinds: createRegistry(tables) };
        },
        readText: missing, writeText: missing, open: missing, machine: missing, lab: missing, demo: missing, simulate: missing, daemon, ...world,
      },
      interruptible: (work) => work(signal ?? AbortSignal.abort()),
    },
  };
}
