// In: where this machine keeps secrets (configuration, environment). Out: their texts, read anew each time [I/O: files].
// Must never put a secret, or a part of one, into a message.
import { open } from 'node:fs/promises';
import { CONFIG_FILE, readConfig } from '../config/read.ts';
import type { SecretsConfig } from '../config/schema.ts';
import type { MachineSecrets } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import type { Environment } from './secret-place.ts';

/** Keyrings and certificates among them. */
const FILE_BYTES_MAX = 1024 * 1024;
const PREFIX = 'LATIDO_SECRET_';

export interface MachineSecretsOptions {
  /** Of the daemon's configuration; absent: what the environment names, else the usual configuration file where it can be read. */
  readonly config?: SecretsConfig;
  readonly environment: Environment;
  readonly configFile?: string;
}

export function machineSecrets({ config, environment, configFile = CONFIG_FILE }: MachineSecretsOptions): MachineSecrets {
  let known: Promise<SecretsConfig> | undefined;
  let configured = config !== undefined || Object.keys(environment).some((name) => name.startsWith(PREFIX) || NAMING.includes(name));
  let prefix = config?.environment ?? PREFIX;
  const places = async (): Promise<SecretsConfig> => {
    const found = await (known ??= config === undefined ? fallback(configFile) : Promise.resolve(config));
    configured ||= Object.keys(found).length > 0;
    prefix = found.environment ?? prefix;
    return found;
  };
  return {
    async file() {
      const path = environment['LATIDO_SECRETS_FILE'] ?? (await places()).file;
      return path === undefined ? undefined : { path, text: await readPrivate(path) };
    },
    variable: (name) => environment[`${prefix}${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`],
    async identities() {
      const named = environment['LATIDO_AGE_KEY_FILE'] ?? environment['SOPS_AGE_KEY_FILE'];
      const { ageKey } = await places();
      if (named !== undefined) return identitiesIn(await readPrivate(named), named);
      if (environment['SOPS_AGE_KEY'] !== undefined) return identitiesIn(environment['SOPS_AGE_KEY'], 'SOPS_AGE_KEY');
      if (ageKey === undefined) return [];
      return 'file' in ageKey ? identitiesIn(await readPrivate(ageKey.file), ageKey.file) : identitiesIn(environment[ageKey.env] ?? '', ageKey.env);
    },
    isConfigured: () => configured,
  };
}

const NAMING = ['LATIDO_SECRETS_FILE', 'LATIDO_AGE_KEY_FILE', 'SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY'];

/** A person may read neither it nor what it names; then there is nothing here. */
async function fallback(configFile: string): Promise<SecretsConfig> {
  try {
    const handle = await open(configFile, 'r');
    try {
      return readConfig(await handle.readFile('utf8'), configFile).secrets ?? {};
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    return {};
  }
}

/** Lines of `age-keygen`: comments are passed over. */
function identitiesIn(text: string, source: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length > 0 && lines.every((line) => /^AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+$/.test(line))) return lines;
  throw failure('SECRET_MISSING', `${source} holds no age key`, { fix: 'write there what age-keygen prints: AGE-SECRET-KEY-1…' });
}

async function readPrivate(path: string): Promise<string> {
  try {
    const handle = await open(path, 'r');
    try {
      const { mode, size } = await handle.stat();
      if ((mode & 0o007) !== 0) throw failure('SECRET_MISSING', `everybody may read the secrets in ${path}`, { fix: `chmod 600 ${path}, and change the secrets` });
      if (size > FILE_BYTES_MAX) throw failure('SECRET_MISSING', `${path} has ${size} bytes, more than the ${FILE_BYTES_MAX} allowed`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof Failure || typeof code !== 'string') throw error;
    throw failure('SECRET_MISSING', `the secrets in ${path} could not be read: ${code}`, { fix: code === 'ENOENT' ? `write them to ${path}, readable by this user only` : `let this user read ${path}` });
  }
}
