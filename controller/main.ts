#!/usr/bin/env node
// In: the process. Out: the process, ended with an exit code. The composition root: only here are the real and the simulated world built.
// Must never decide anything about a cluster: it joins what other folders make.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { COMMANDS } from './cli/commands.ts';
import type { Context, Lab, LabOptions, World } from './cli/context.ts';
import { interruptible } from './cli/interrupt.ts';
import { runCli } from './cli/run.ts';
import { terminalOf } from './cli/terminal.ts';
import { loadApiTables, nearestTables, tableVersions } from './env/api-tables.ts';
import { realClock } from './env/clock.ts';
import { createLogger } from './env/log.ts';
import { packageRoot } from './env/package-root.ts';
import { createRealEnv } from './env/world.ts';
import { createRegistry } from './kinds/index.ts';
import { failure } from './model/finding.ts';
import { isObject } from './model/json.ts';
import type { KindsFor } from './reconcile.ts';

// A reader that has seen enough (`latido plan | head`) is no failure.
for (const stream of [process.stdout, process.stderr]) stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const terminal = terminalOf(process, process.env);
const context: Context = { terminal, world: realWorld(), interruptible: interruptible(process, terminal) };
process.exitCode = await runCli(process.argv.slice(2), context, COMMANDS, (process.env['LATIDO_DEBUG'] ?? '') !== '');

function realWorld(): World {
  const about = aboutPackage();
  return {
    clock: realClock, version: about.version, reportTo: about.reportTo,
    tableVersions: tableVersions(), tables: loadApiTables, kindsFor, readText, writeText,
    async open(cluster, options) {
      const log = createLogger({ clock: realClock, level: process.env['LATIDO_DEBUG'] ? 'debug' : 'warn' });
      const stateDir = options.stateDir ?? join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'latido', cluster.ref.name);
      const env = await createRealEnv(cluster.spec, { stateDir: resolve(stateDir), log, ...(options.settling === undefined ? {} : { settling: options.settling }) });
      return { env, close: () => env.close() };
    },
    lab,
  };
}

function kindsFor(release: string): ReturnType<KindsFor> {
  const { tables, note } = nearestTables(release);
  return { version: tables.version, kinds: createRegistry(tables), ...(note === undefined ? {} : { note }) };
}

/** The simulator is loaded when it is asked for: a plan of a real cluster starts faster without it. */
async function lab(options: LabOptions): Promise<Lab> {
  const { savedVersion, startLab } = await import('./sim/lab.ts');
  const file = options.state;
  const text = file === undefined ? undefined : await readText(file).catch(() => undefined);
  try {
    return await startLab(options, {
      tables: loadApiTables((text === undefined ? undefined : savedVersion(text)) ?? options.pveVersion),
      now: () => realClock.now(),
      load: () => Promise.resolve(text),
      save: file === undefined ? undefined : (content) => writeText(file, content),
      every: (ms, run) => {
        const timer = setInterval(run, ms);
        return () => clearInterval(timer);
      },
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw failure('USAGE', `port ${(error as { port?: number }).port ?? options.port} is in use`, { fix: 'latido lab --port 0 takes free ones' });
    throw error;
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw failure('USAGE', `${file} could not be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

/** A reader sees the old text or the new one, whatever happens meanwhile. */
async function writeText(file: string, text: string): Promise<void> {
  const temporary = join(dirname(file), `.${randomUUID()}.tmp`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw failure('USAGE', `${file} could not be written: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

function aboutPackage(): { readonly version: string; readonly reportTo: string | undefined } {
  const json: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  const fields = isObject(json) ? json : {};
  const bugs = isObject(fields['bugs']) ? fields['bugs']['url'] : fields['bugs'];
  return { version: typeof fields['version'] === 'string' ? fields['version'] : '0', reportTo: typeof bugs === 'string' ? bugs : undefined };
}
