// What the hook of a test starts in place of `latido receive-hook`: the real command with the real doors. `PLANS=late` lets
// the time for plans be over at once, `PLANS=daemon` has a daemon that answers.
import { nearestTables, tableVersions } from '../../controller/env/api-tables.ts';
import { realClock } from '../../controller/env/clock.ts';
import { createLogger } from '../../controller/env/log.ts';
import { createRealEnv } from '../../controller/env/world.ts';
import { hookOf, receiveHookCommand } from '../../controller/cli/receive-hook.ts';
import type { HookContext } from '../../controller/cli/receive-hook.ts';
import { terminalOf } from '../../controller/cli/terminal.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import { Failure } from '../../controller/model/finding.ts';

const plans = process.argv.find((word) => word.startsWith('PLANS='))?.slice('PLANS='.length);
const log = createLogger({ clock: realClock, level: 'silent' });
const clock = plans === 'late' ? { ...realClock, sleep: () => Promise.resolve() } : realClock;
const world: HookContext['world'] = {
  clock, tableVersions: tableVersions(),
  kindsFor(release) {
    const { tables } = nearestTables(release);
    return { version: tables.version, kinds: createRegistry(tables) };
  },
  async open(cluster, options) {
    if (plans === 'late') return new Promise(() => setInterval(() => undefined, 1000));
    const env = await createRealEnv(cluster.spec, { stateDir: options.stateDir ?? 'state', log });
    return { env, close: () => env.close() };
  },
};
const terminal = terminalOf(process, {});
const hook = { ...hookOf(process), ...(plans === 'daemon' ? { daemonPlan: (cluster: string, { files }: { readonly files: readonly unknown[] }) => Promise.resolve(`the daemon's plan for ${cluster}, ${files.length} files\n`) } : {}) };
try {
  process.exitCode = await receiveHookCommand(hook, { terminal, world });
} catch (error) {
  terminal.err(error instanceof Failure ? error.message : String(error));
  process.exitCode = 1;
}
