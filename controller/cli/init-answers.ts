// In: flags, a person who may be asked, what this machine knows. Out: the answers that `latido init` needs.
// Must never guess whom to trust: a certificate counts when a person, a flag or the node's own file says so.
import { resolve } from 'node:path';
import { followMistakes } from '../config/follow-checks.ts';
import type { DaemonConfig, SourceConfig } from '../config/schema.ts';
import { ConnectionError } from '../model/doors.ts';
import type { Machine } from '../model/doors.ts';
import { failure } from '../model/finding.ts';
import type { Terminal } from './context.ts';
import { given } from './daemon-config.ts';
import { isRemote } from './daemon-source.ts';
import type { ThisNode } from './init-node.ts';
import type { NewCluster } from './init-text.ts';
import type { InitOptions } from './program.ts';
import { hanging, safe } from './terminal-text.ts';

export interface Answers { readonly cluster: NewCluster; readonly config: DaemonConfig; readonly configFile: string; readonly manifests?: string }

interface Question { readonly about: string; readonly flag: string; readonly given?: string; readonly usual?: string; readonly wrong?: (answer: string) => string | undefined; /** An empty answer is one. */ readonly optional?: true }

/** Asks a person, or notes what nobody said. */
export class Asked {
  readonly #missing: string[] = [];

  constructor(private readonly terminal: Terminal, private readonly yes: boolean) {}

  get canAsk(): boolean {
    return this.terminal.interactive && !this.yes;
  }

  say(text: string): void {
    this.terminal.err(text === '' ? '\n' : `${hanging('', text, this.terminal.errStyle().width).join('\n')}\n`);
  }

  /** Whole, so that it can be copied. */
  show(text: string): void {
    this.terminal.err(`  ${safe(text)}\n`);
  }

  async ask(question: Question): Promise<string> {
    const { about, flag, usual, wrong, optional } = question;
    if (question.given !== undefined || !this.canAsk) {
      const answer = question.given ?? usual ?? '';
      if (answer === '' && optional !== true) this.miss(about, flag);
      const trouble = answer === '' ? undefined : wrong?.(answer);
      if (trouble !== undefined) throw failure('USAGE', `${flag}: ${trouble}`, { fix: 'latido init --help' });
      return answer;
    }
    for (;;) {
      const typed = await this.typed(`${about}${usual === undefined || usual === '' ? '' : ` [${safe(usual)}]`}: `);
      const answer = typed === '' ? usual ?? '' : typed;
      const trouble = answer === '' ? (optional === true ? undefined : 'an answer is needed') : wrong?.(answer);
      if (trouble === undefined) return answer;
      this.say(`  ${trouble}`);
    }
  }

  async isYes(question: string): Promise<boolean> {
    return /^y(es)?$/i.test(await this.typed(`${question} [yes/no]: `));
  }

  async typed(question: string, how?: { readonly hidden: true }): Promise<string> {
    const typed = await this.terminal.ask(question, how);
    if (typed === undefined) throw failure('USAGE', 'left at a question; nothing was changed', { fix: 'latido init asks again; each question has a flag: latido init --help' });
    return typed.trim();
  }

  miss(about: string, flag: string): void {
    this.#missing.push(`${about.charAt(0).toLowerCase()}${about.slice(1)} (${flag})`);
  }

  /** @throws Failure USAGE with all that is missing */
  finish(): void {
    if (!this.terminal.interactive && !this.yes) this.miss('That all of it is to be done', '--yes');
    if (this.#missing.length > 0) throw failure('USAGE', `nobody can be asked here, and it is not said: ${this.#missing.join(', ')}`, { fix: 'add these flags, or run it on a terminal' });
  }
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const FINGERPRINT = /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/;
const CONFIG_FOLDER = '/etc/latido';

export async function answersOf(options: InitOptions, configFile: string, node: ThisNode | undefined, machine: Machine, asked: Asked): Promise<Answers> {
  const name = await asked.ask({ about: 'Name of the cluster', flag: '--cluster NAME', ...given({ given: options.cluster, usual: node === undefined ? undefined : node.cluster ?? node.name }), wrong: (text) => (NAME.test(text) ? undefined : 'letters, digits, dot, dash and underscore, at most 63') });
  const endpoints = await endpointsOf(options, node, asked);
  const fingerprints = endpoints.length === 0 ? [] : await fingerprintsOf(endpoints, options, node, machine, asked);
  const source = await sourceAsked(name, options, asked);
  const tokenFile = resolve(await asked.ask({ about: 'File for the API token', flag: '--token-file FILE', ...given({ given: options.tokenFile }), usual: `${CONFIG_FOLDER}/${name}.token` }));
  const follow = followed(options);
  const manifests = await asked.ask({ about: 'Folder for the first manifests (empty: they are only shown)', flag: '--manifests DIR', ...given({ given: options.manifests }), optional: true });
  asked.finish();
  const nodes = (node?.members ?? []).filter(({ address }) => address !== '127.0.0.1');
  return { cluster: { name, endpoints, fingerprints, tokenFile, nodes, ...given({ version: node?.release }) }, config: { cluster: name, source, ...follow }, configFile, ...(manifests === '' ? {} : { manifests: resolve(manifests) }) };
}

function followed({ follow }: InitOptions): Pick<DaemonConfig, 'follow'> {
  if (follow === undefined) return {};
  const [mistake] = followMistakes({ follow: { address: follow } });
  if (mistake) throw failure('USAGE', `--follow: ${mistake.fact}`, { fix: mistake.fix });
  return { follow: { address: follow } };
}

async function endpointsOf({ endpoint }: InitOptions, node: ThisNode | undefined, asked: Asked): Promise<readonly string[]> {
  const usual = node?.members.map(({ address }) => urlOf(address)).join(' ');
  const text = await asked.ask({
    about: 'Addresses of its nodes, in the order in which they are tried', flag: '--endpoint URL…', ...given({ given: endpoint?.join(' '), usual }),
    wrong: (answer) => wordsOf(answer).map((word) => (URL.canParse(urlOf(word)) ? undefined : `${word} is no address`)).find((trouble) => trouble !== undefined),
  });
  return [...new Set(wordsOf(text).map(urlOf))];
}

function wordsOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}

/** `pve1`, `10.0.0.1`, `fd00::1`, `https://pve1:8006/`; 8006 is Proxmox's port. */
function urlOf(text: string): string {
  const isBareIpv6 = !text.includes('://') && (text.match(/:/g)?.length ?? 0) > 1 && !text.startsWith('[');
  const withScheme = text.includes('://') ? text : `https://${isBareIpv6 ? `[${text}]` : text}`;
  const isWithPort = /:\d+\/?$/.test(withScheme.replace(/^https:\/\//, '').replace(/^\[[^\]]*\]/, ''));
  return withScheme.startsWith('https://') ? `${withScheme.replace(/\/+$/, '')}${isWithPort ? '' : ':8006'}` : 'not https';
}

async function fingerprintsOf(endpoints: readonly string[], options: InitOptions, node: ThisNode | undefined, machine: Machine, asked: Asked): Promise<readonly string[]> {
  const told = options.fingerprint?.map((text) => text.toUpperCase());
  const odd = told?.find((text) => !FINGERPRINT.test(text));
  if (odd !== undefined) throw failure('USAGE', `--fingerprint: ${odd} is not the SHA-256 of a certificate`, { fix: 'write it as pvenode cert info shows it: 32 pairs of digits with colons' });
  const found: string[] = [];
  for (const endpoint of endpoints) {
    const fingerprint = await fingerprintOf(endpoint, { told, confirmed: found }, node, machine, asked);
    if (fingerprint !== undefined) found.push(fingerprint);
  }
  return [...new Set(found)].sort();
}

interface Trusted { readonly told: readonly string[] | undefined; /** By a person, a moment ago. */ readonly confirmed: readonly string[] }

async function fingerprintOf(endpoint: string, { told, confirmed }: Trusted, node: ThisNode | undefined, machine: Machine, asked: Asked): Promise<string | undefined> {
  const { hostname } = new URL(endpoint);
  const member = node?.members.find(({ address, name }) => [address, `[${address}]`, name].includes(hostname));
  const shown = await machine.certificateAt(endpoint).catch((error: unknown) => {
    if (!(error instanceof ConnectionError)) throw error;
    if (member?.fingerprint === undefined && told === undefined) throw failure('ENDPOINT_UNREACHABLE', `${error.message}, so its certificate cannot be looked at`, { fix: 'leave it out for now, or name its certificate with --fingerprint' });
    asked.say(`${endpoint} does not answer; its certificate is taken from ${member?.fingerprint === undefined ? '--fingerprint' : '/etc/pve'}.`);
    return undefined;
  });
  const known = told ?? (member?.fingerprint === undefined ? undefined : [member.fingerprint]);
  if (shown === undefined) return member?.fingerprint ?? known?.[0];
  if (known?.includes(shown.fingerprint) === true) {
    asked.say(`${endpoint} shows the certificate that ${told === undefined ? `/etc/pve has for ${member?.name ?? ''}` : '--fingerprint names'}.`);
    return shown.fingerprint;
  }
  if (known !== undefined) throw failure('TLS_UNTRUSTED', `${endpoint} shows a certificate with SHA-256 fingerprint ${shown.fingerprint}, not ${told === undefined ? `the one that /etc/pve has for ${member?.name ?? ''}` : 'one that --fingerprint names'}`, { fix: 'find out who answers there before you go on' });
  if (confirmed.includes(shown.fingerprint)) return shown.fingerprint;
  if (!asked.canAsk) {
    asked.miss(`the certificate of ${endpoint}, which shows ${shown.fingerprint}`, '--fingerprint SHA256…');
    return undefined;
  }
  asked.say('');
  asked.say(`${endpoint} shows a certificate for ${safe(shown.subject)} with the SHA-256 fingerprint`);
  asked.show(shown.fingerprint);
  if (await asked.isYes('Does `pvenode cert info` show the same on that node?')) return shown.fingerprint;
  throw failure('TLS_UNTRUSTED', `the certificate of ${endpoint} was not confirmed`, { fix: 'run pvenode cert info on the node and compare; nothing was changed' });
}

async function sourceAsked(cluster: string, options: InitOptions, asked: Asked): Promise<SourceConfig> {
  const { repository, directory } = options;
  if (repository !== undefined && directory !== undefined) throw failure('USAGE', '--repository and --directory exclude each other', { fix: 'leave one of them out' });
  if (directory !== undefined) return { directory: resolve(directory) };
  const usual = `/srv/git/${cluster}.git`;
  if (repository === undefined && asked.canAsk) {
    for (const line of ['', 'Where do commits come from?']) asked.say(line);
    for (const line of ['1  a bare repository on this machine, made now: people push to it and read the plan', '2  a repository elsewhere, over https or ssh', '3  a folder on this machine, for trying things']) asked.show(line);
    const choice = await asked.ask({ about: 'Which', flag: '--repository', usual: '1', wrong: (text) => (/^[123]$/.test(text) ? undefined : 'write 1, 2 or 3') });
    if (choice === '3') return { directory: resolve(await asked.ask({ about: 'Folder', flag: '--directory DIR' })) };
    const address = await asked.ask({ about: choice === '1' ? 'Path' : 'Address', flag: '--repository ADDRESS', ...(choice === '1' ? { usual } : {}), wrong: (text) => (isRemote(text) === (choice === '2') ? undefined : choice === '1' ? 'it is an address, not a path' : 'write https://host/path or user@host:path') });
    return repositorySource(address, options, asked);
  }
  if (repository === undefined) asked.miss('where commits come from', '--repository ADDRESS or --directory DIR');
  return repositorySource(repository ?? usual, options, asked);
}

async function repositorySource(address: string, options: InitOptions, asked: Asked): Promise<SourceConfig> {
  const { branch = 'main', allowedSigners, keyring } = options;
  const signers = given({ allowedSigners: file(allowedSigners), keyring: file(keyring) });
  const common = { branch, ...(Object.keys(signers).length === 0 ? {} : { signers }) };
  if (!isRemote(address)) return { repository: resolve(address), ...common };
  if (/^https:/i.test(address)) {
    const token = await asked.ask({ about: 'File with its token (empty: none is needed)', flag: '--git-token FILE', ...given({ given: options.gitToken }), optional: true });
    const https = { ...(token === '' ? {} : { token: { file: resolve(token) } }), ...given({ user: options.gitUser, ca: file(options.gitCa) }) };
    return { repository: address, ...common, ...(Object.keys(https).length === 0 ? {} : { https }) };
  }
  const key = await asked.ask({ about: 'File of the deploy key (empty: what ssh finds by itself)', flag: '--ssh-key FILE', ...given({ given: options.sshKey }), optional: true });
  const ssh = { ...(key === '' ? {} : { key: resolve(key) }), ...given({ knownHosts: file(options.knownHosts) }) };
  return { repository: address, ...common, ...(Object.keys(ssh).length === 0 ? {} : { ssh }) };
}

function file(name: string | undefined): string | undefined {
  return name === undefined ? undefined : resolve(name);
}
