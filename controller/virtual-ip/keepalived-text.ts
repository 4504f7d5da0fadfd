// In: one address as one node keeps it. Out: our part of keepalived's configuration there, and the main file that reads it. Pure.
// Must never let a value become syntax: what is no plain word is refused, and a secret stays a reference until the wire.
import type { SecretRef } from '../model/secret.ts';

export interface KeepalivedPart {
  readonly name: string;
  readonly mark: string;
  /** With its prefix. */
  readonly address: string;
  readonly interface: string;
  readonly routerId: number;
  readonly priority: number;
  readonly advertSeconds: number;
  readonly preempt: boolean;
  /** This node's own address, and those of the others. */
  readonly source: string;
  readonly peers: readonly string[];
  /** VRRP 3 knows no authentication: with it version 2 is spoken. */
  readonly authentication?: SecretRef;
}

export const PART_FOLDER = '/etc/keepalived/conf.d';
export const MAIN_FILE = '/etc/keepalived/keepalived.conf';
export const SHOWN_SECRET = '…';
const PLAIN = /^[A-Za-z0-9_.:/-]+$/;

/** @param name absent: of what all VirtualIPs share */
export function markLine(mark: string, name?: string): string {
  return `# latido ${plain(mark)} virtual-ip${name === undefined ? '' : ` ${plain(name)}`}: written from Git, changes here are undone`;
}

/** The latido that wrote the text, and for which VirtualIP; nothing when none did. */
export function markOf(text: string): { readonly mark: string; readonly name?: string } | undefined {
  const [, mark, name] = /^# latido (\S+) virtual-ip(?: ([A-Za-z0-9_.-]+))?:/.exec(text) ?? [];
  return mark === undefined ? undefined : { mark, ...(name === undefined ? {} : { name }) };
}

/** Scripts run as root and only from places where nobody else writes; parts of other VirtualIPs are read the same way. */
export function mainText(mark: string): string {
  return `${markLine(mark)}\nglobal_defs {\n    script_user root\n    enable_script_security\n}\ninclude ${PART_FOLDER}/latido-*.conf\n`;
}

/** Pieces for standard input. @throws Error for a value that the schema of the manifest should have refused */
export function partText(part: KeepalivedPart): readonly (string | SecretRef)[] {
  const { name, authentication } = part;
  const lines = [
    markLine(part.mark, name),
    `vrrp_instance ${plain(name)} {`,
    // Both begin as BACKUP, so that the one that comes back does not take the address from the one that has it.
    '    state BACKUP',
    ...(part.preempt ? [] : ['    nopreempt']),
    `    interface ${plain(part.interface)}`,
    `    virtual_router_id ${part.routerId}`,
    `    priority ${part.priority}`,
    `    version ${authentication ? 2 : 3}`,
    `    advert_int ${part.advertSeconds}`,
    `    unicast_src_ip ${plain(part.source)}`,
    '    unicast_peer {', ...part.peers.map((peer) => `        ${plain(peer)}`), '    }',
    '    virtual_ipaddress {', `        ${plain(part.address)} dev ${plain(part.interface)}`, '    }',
    // keepalived notes its own state where only root writes; the newest of these files is the state.
    ...STATES.map((state) => `    notify_${state.toLowerCase()} "/usr/bin/touch /run/latido-vip-${plain(name)}.${state}" root`),
  ];
  const secret = authentication ? ['    authentication {\n        auth_type PASS\n        auth_pass ', authentication, '\n    }\n'] : [];
  const [first, ...rest] = [`${lines.join('\n')}\n`, ...secret, '}\n# end\n'];
  return authentication ? [first ?? '', ...rest] : [`${first ?? ''}}\n# end\n`];
}

export const STATES = ['MASTER', 'BACKUP', 'FAULT', 'STOP'] as const;

/** The text as a node tells it: every secret in it is `SHOWN_SECRET`. */
export function shown(pieces: readonly (string | SecretRef)[]): string {
  return pieces.map((piece) => (typeof piece === 'string' ? piece : SHOWN_SECRET)).join('');
}

function plain(value: string): string {
  if (!PLAIN.test(value)) throw new Error(`not a plain word: ${JSON.stringify(value)}`);
  return value;
}
