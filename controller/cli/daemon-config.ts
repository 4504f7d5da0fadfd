// In: what `latido run` was given. Out: the daemon's configuration, from the file or from the flags: both say the same things.
// Must never take half from the one and half from the other.
import { resolve } from 'node:path';
import { CONFIG_FILE, readConfig } from '../config/read.ts';
import type { DaemonConfig, SourceConfig } from '../config/schema.ts';
import { Failure, failure } from '../model/finding.ts';
import type { World } from './context.ts';
import { clusterOf, folderOf, readCommitOf } from './manifests.ts';
import type { RunOptions } from './program.ts';

/** `read` answers what is in force from now on: the file as it is now, the flags as they were. */
export interface ConfigPlace { readonly file?: string; readonly read: () => Promise<DaemonConfig> }

/** @throws Failure USAGE when it is not said what to follow, or said twice */
export function configPlace(dir: string | undefined, options: RunOptions, world: World): ConfigPlace {
  const flags = flagsIn(dir, options);
  if (options.config !== undefined && flags.length > 0) throw failure('USAGE', `--config and ${flags.join(', ')} exclude each other`, { fix: 'write it into the configuration, or leave --config out' });
  if (dir !== undefined && options.repo !== undefined) throw failure('USAGE', 'DIR and --repo exclude each other', { fix: 'leave one of them out' });
  const { config: named = CONFIG_FILE } = options;
  if (dir === undefined && options.repo === undefined) return { file: named, read: () => fileConfig(named, { isNamed: options.config !== undefined, flags }, world) };
  return { read: () => flagConfig(dir, options, world) };
}

/** Of the configuration at the usual place; undefined when there is none that this user can read and that is valid. */
export async function usualConfig(world: Pick<World, 'readText'>): Promise<DaemonConfig | undefined> {
  try {
    return readConfig(await world.readText(CONFIG_FILE), CONFIG_FILE);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

async function fileConfig(file: string, { isNamed, flags }: { readonly isNamed: boolean; readonly flags: readonly string[] }, world: World): Promise<DaemonConfig> {
  const text = await world.readText(file).catch((error: unknown) => {
    if (isNamed || !(error instanceof Failure)) throw error;
    const why = error.findings.map(({ fact }) => fact).join('; ');
    throw failure('USAGE', `it is not said what to follow: no DIR, no --repo, no --config, and ${why}`, { fix: 'make a configuration with: latido init; or name a folder of manifests: latido run DIR' });
  });
  const [flag] = flags;
  if (flag !== undefined) throw failure('USAGE', `${file} says what to follow, so ${flags.join(', ')} would have no effect`, { fix: 'write it into the configuration, or name DIR or --repo as well' });
  return readConfig(text, file);
}

/** What only the flags of a source or of the state can say, as they are written. */
function flagsIn(dir: string | undefined, options: RunOptions): readonly string[] {
  const { config: _config, ...others } = options;
  const names = Object.entries(others).filter(([, value]) => value !== undefined).map(([key]) => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  return [...(dir === undefined ? [] : ['DIR']), ...names];
}

async function flagConfig(dir: string | undefined, options: RunOptions, world: World): Promise<DaemonConfig> {
  const cluster = options.cluster ?? (dir === undefined ? undefined : await nameIn(dir, world));
  if (cluster === undefined) throw failure('USAGE', 'with --repo the cluster has to be named', { fix: 'add --cluster NAME' });
  const source = dir === undefined ? repositorySource(options) : await directorySource(dir, options);
  return { cluster, source, ...(options.state === undefined ? {} : { state: options.state }), ...(options.interval === undefined ? {} : { intervalSeconds: options.interval }) };
}

async function directorySource(dir: string, { cluster, path }: RunOptions): Promise<SourceConfig> {
  const directory = resolve(cluster === undefined ? dir : await folderOf(dir, cluster));
  return { directory, path: path ?? '' };
}

function repositorySource({ repo, branch, path, poll, sshKey, knownHosts, gitToken, gitUser, gitCa, allowedSigners, keyring }: RunOptions): SourceConfig {
  return {
    ...given({ repository: repo, branch, path, pollSeconds: poll }),
    ...group('ssh', { key: file(sshKey), knownHosts: file(knownHosts) }),
    ...group('https', { token: gitToken === undefined ? undefined : { file: resolve(gitToken) }, user: gitUser, ca: file(gitCa) }),
    ...group('signers', { allowedSigners: file(allowedSigners), keyring: file(keyring) }),
  };
}

function file(name: string | undefined): string | undefined {
  return name === undefined ? undefined : resolve(name);
}

function group<Name extends string, Fields extends Readonly<Record<string, unknown>>>(name: Name, fields: Fields): { readonly [key in Name]?: Given<Fields> } {
  const some = given(fields);
  return Object.keys(some).length === 0 ? {} : { [name]: some } as { readonly [key in Name]?: Given<Fields> };
}

type Given<Fields> = { readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

/** Without the fields that are undefined. */
export function given<Fields extends Readonly<Record<string, unknown>>>(fields: Fields): Given<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>;
}

async function nameIn(dir: string, world: World): Promise<string> {
  return clusterOf(await readCommitOf(dir, undefined), world).ref.name;
}
