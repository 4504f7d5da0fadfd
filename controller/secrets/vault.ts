// In: where this machine keeps secrets. Out: the door that finds `{ secret: NAME }`: file, environment, then the encrypted
// files of the commit. Values stay in this process; what leaves it is a version, a finding, or a request to Proxmox.
import type { MachineSecrets, OpenSecrets, SealedFile, SecretDoor } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import type { Finding } from '../model/finding.ts';
import { hideText, spellings } from './hide.ts';
import { namedValues } from './names.ts';
import { isVersionOf, newVersion } from './versions.ts';
import { wireApi, wireSsh } from './wire.ts';

export interface VaultOptions {
  readonly machine: MachineSecrets;
  /** In [0, 1). */
  readonly random: () => number;
}

export function createVault(options: VaultOptions): SecretDoor {
  return new Vault(options);
}

type Values = ReadonlyMap<string, string>;
interface Source { readonly values: Values; readonly findings: readonly Finding[] }

class Vault implements SecretDoor {
  #hidden: readonly string[] = [];
  readonly #known = new Set<string>();
  /** By value: the version that it has, and those that it has not. Hashing is slow on purpose, and rounds are many. */
  readonly #compared = new Map<string, { readonly same: string | undefined; readonly others: Set<string> }>();
  /** By text: what was opened in the last round. */
  #opened = new Map<string, Source>();

  constructor(private readonly options: VaultOptions) {}

  async open(sealed: readonly SealedFile[], asked: ReadonlyMap<string, readonly string[]>): Promise<OpenSecrets> {
    const { machine } = this.options;
    const findings: Finding[] = [];
    const file = await this.#fromFile(findings);
    const identities = await machine.identities().catch((error: unknown) => told(error, findings, []));
    const repository = await this.#fromRepository(sealed, identities, findings);
    const values = new Map<string, string>();
    for (const name of asked.keys()) {
      const value = file.get(name) ?? machine.variable(name) ?? repository.get(name);
      if (value !== undefined) values.set(name, value);
    }
    this.#remember(values.values());
    const versions = new Map<string, string>();
    for (const [name, value] of values) versions.set(name, await this.#versionOf(value, asked.get(name) ?? []));
    const fix = missingFix(sealed, identities);
    return {
      versions, findings, isBlind: !machine.isConfigured(),
      missing: new Map([...asked.keys()].filter((name) => !values.has(name)).map((name) => [name, { fact: `there is no secret '${name}'`, fix }])),
      commands: (ssh) => wireSsh(ssh, (name) => values.get(name), (text) => this.hide(text)),
      wire: (pve) => wireApi(pve, (name) => values.get(name), (text) => this.hide(text)),
    };
  }

  hide(text: string): string {
    return hideText(text, this.#hidden);
  }

  async #fromFile(findings: Finding[]): Promise<Values> {
    const file = await this.options.machine.file().catch((error: unknown) => told(error, findings, undefined));
    if (file === undefined) return new Map();
    const named = namedValues(file.text);
    if ('values' in named) return named.values;
    findings.push({ code: 'SECRET_MISSING', severity: 'error', fact: `${file.path} cannot be used: ${named.problem}`, fix: 'write it as NAME: value, one a line' });
    return new Map();
  }

  async #fromRepository(sealed: readonly SealedFile[], identities: readonly string[], findings: Finding[]): Promise<Values> {
    const opened = new Map<string, Source>();
    const merged = new Map<string, string>();
    const from = new Map<string, string>();
    for (const file of sealed) {
      const key = JSON.stringify([file.path, file.text, identities]);
      const source = this.#opened.get(key) ?? await openFile(file, identities);
      opened.set(key, source);
      findings.push(...source.findings);
      for (const [name, value] of source.values) {
        const other = from.get(name);
        if (other !== undefined) findings.push({ code: 'DUPLICATE', severity: 'error', place: { file: file.path, line: 1, column: 1 }, fact: `the secret '${name}' stands in ${other} as well`, fix: 'keep one of them' });
        from.set(name, file.path);
        merged.set(name, value);
      }
    }
    this.#opened = opened;
    return merged;
  }

  async #versionOf(value: string, remembered: readonly string[]): Promise<string> {
    const { same, others } = this.#compared.get(value) ?? { same: undefined, others: new Set<string>() };
    if (same !== undefined && (remembered.length === 0 || remembered.includes(same))) return same;
    for (const version of remembered) {
      if (others.has(version)) continue;
      if (await isVersionOf(version, value)) {
        this.#compared.set(value, { same: version, others });
        return version;
      }
      others.add(version);
    }
    const version = same ?? await newVersion(value, this.options.random);
    this.#compared.set(value, { same: version, others });
    return version;
  }

  #remember(values: Iterable<string>): void {
    const before = this.#known.size;
    for (const value of values) this.#known.add(value);
    if (this.#known.size !== before) this.#hidden = [...new Set([...this.#known].flatMap(spellings))].sort((a, b) => b.length - a.length);
  }
}

/** Loaded when there is something to open: the cryptography of age takes a while to load. */
async function openFile(file: SealedFile, identities: readonly string[]): Promise<Source> {
  const { openSops, parseSops, SealedError } = await import('./sops.ts');
  try {
    const tree = parseSops(file.text);
    return { values: identities.length === 0 ? new Map() : await openSops(tree, identities), findings: [] };
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    const fix = /is not encrypted|should be/.test(error.message) ? 'encrypt it: sops encrypt --in-place FILE; what was pushed in clear has to be changed' : 'encrypt it with sops for the age key of this machine, and push it again';
    return { values: new Map(), findings: [{ code: 'SECRET_INVALID', severity: 'error', place: { file: file.path, line: 1, column: 1 }, fact: `the encrypted file ${error.message}`, fix }] };
  }
}

/** What the machine says of itself is a finding like the others. */
function told<T>(error: unknown, findings: Finding[], instead: T): T {
  if (!(error instanceof Failure)) throw error;
  findings.push(...error.findings);
  return instead;
}

function missingFix(sealed: readonly SealedFile[], identities: readonly string[]): string {
  if (sealed.length > 0 && identities.length === 0) return `write it to secrets.file, or name the age key that opens ${sealed[0]?.path} (secrets.ageKey, LATIDO_AGE_KEY_FILE)`;
  return 'write it to secrets.file (LATIDO_SECRETS_FILE), set it in the environment, or add it to a *.sops.yaml of the repository';
}
