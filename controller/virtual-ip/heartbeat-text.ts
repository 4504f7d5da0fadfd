// Heartbeat's three files: how ours are written, and what those on a node say. Pure.
// Must never let a value become syntax: what is no plain word is refused, and a secret stays a reference until the wire.
import type { SecretRef } from '../model/secret.ts';
import { markLine } from './keepalived-text.ts';

export interface HeartbeatSetup {
  readonly name: string;
  readonly mark: string;
  /** With its prefix. */
  readonly address: string;
  readonly interface: string;
  /** Takes the address first. */
  readonly preferred: string;
  /** In the order of their names, each with its own address. */
  readonly nodes: readonly { readonly name: string; readonly address: string }[];
  readonly advertSeconds: number;
  readonly preempt: boolean;
  readonly authentication?: SecretRef;
}

export const HEARTBEAT_FOLDER = '/etc/ha.d';
export const HEARTBEAT_FILES = ['ha.cf', 'haresources', 'authkeys'] as const;
const PLAIN = /^[A-Za-z0-9_.:/-]+$/;

/** So many beats may be missed before the other one counts as dead. */
const DEAD_BEATS = 5;
/** At the start of a machine the network may come late. */
const FIRST_MS = 10_000;

export function deadMs({ advertSeconds }: Pick<HeartbeatSetup, 'advertSeconds'>): number {
  return Math.round(advertSeconds * 1000) * DEAD_BEATS;
}

/** All three, one after another, each behind a line with its name. */
export function heartbeatTexts(setup: HeartbeatSetup): readonly (string | SecretRef)[] {
  const { authentication } = setup;
  const before = `### haresources\n${haresources(setup)}### authkeys\nauth 1\n1 `;
  const after = `\n### ha.cf\n${haCf(setup)}`;
  return authentication ? [`${before}sha1 `, authentication, after] : [`${before}crc${after}`];
}

export function haCf(setup: HeartbeatSetup): string {
  const { mark, name: own, nodes, advertSeconds, preempt } = setup;
  const beat = Math.round(advertSeconds * 1000);
  return `${[
    markLine(mark, own), 'logfacility daemon', `keepalive ${beat}ms`, `warntime ${beat * 3}ms`, `deadtime ${deadMs(setup)}ms`, `initdead ${Math.max(FIRST_MS, deadMs(setup) * 2)}ms`,
    // The port has to be known before the lines that use it.
    'udpport 694', ...nodes.map(({ address }) => `ucast ${plain(setup.interface)} ${plain(address)}`),
    `auto_failback ${preempt ? 'on' : 'off'}`, 'autojoin none', ...nodes.map(({ name }) => `node ${plain(name)}`), 'crm no', '# end',
  ].join('\n')}\n`;
}

export function haresources({ preferred, address, interface: device }: HeartbeatSetup): string {
  return `${plain(preferred)} IPaddr2::${plain(address)}/${plain(device)}\n`;
}

/** `authkeys` as a node tells it. */
export function authkeysShown({ authentication }: HeartbeatSetup): string {
  return `auth 1\n1 ${authentication ? 'sha1 …' : 'crc'}\n`;
}

export interface HeartbeatFiles {
  readonly preferred?: string;
  /** With its prefix, where one is written. */
  readonly address?: string;
  readonly interface?: string;
  /** Resources that are not our one address. */
  readonly others: readonly string[];
  readonly directives: ReadonlyMap<string, readonly string[]>;
}

/** @param wanted the address that is looked for, without its prefix */
export function parseHeartbeat(files: ReadonlyMap<string, string>, wanted: string): HeartbeatFiles {
  const resources = linesOf((files.get('haresources') ?? '').replaceAll(/\\\n/g, ' ')).flatMap((line) => {
    const [preferred = '', ...each] = line.split(/\s+/);
    return each.map((resource) => ({ preferred, resource }));
  });
  const found = resources.map(({ preferred, resource }) => ({ preferred, resource, ip: /^(?:IPaddr2?::)?(\d+(?:\.\d+){3})(\/\d+)?(?:\/([^/]+))?(?:\/.*)?$/.exec(resource) })).find(({ ip }) => ip?.[1] === wanted);
  const directives = new Map<string, readonly string[]>();
  for (const line of linesOf(files.get('ha.cf') ?? '')) {
    const [name = '', ...rest] = line.split(/\s+/);
    directives.set(name, [...directives.get(name) ?? [], rest.join(' ')]);
  }
  const device = found?.ip?.[3];
  return {
    directives, others: resources.filter(({ resource }) => resource !== found?.resource).map(({ resource }) => resource),
    ...(found ? { preferred: found.preferred, address: `${found.ip?.[1] ?? ''}${found.ip?.[2] ?? ''}` } : {}), ...(device === undefined ? {} : { interface: device }),
  };
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').map((line) => line.replace(/#.*$/, '').trim()).filter((line) => line !== '');
}

function plain(value: string): string {
  if (!PLAIN.test(value)) throw new Error(`not a plain word: ${JSON.stringify(value)}`);
  return value;
}
