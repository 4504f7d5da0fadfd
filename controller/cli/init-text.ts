// In: the answers of `latido init`. Out: the texts that it shows and writes. Pure.
import { stringify } from 'yaml';
import type { DaemonConfig } from '../config/schema.ts';
import { privilegesFor, ROLE, TOKEN_NAME, USER } from './privileges.ts';

export interface NewCluster {
  readonly name: string;
  readonly endpoints: readonly string[];
  readonly fingerprints: readonly string[];
  readonly tokenFile: string;
  /** `9.1`, where it is known. */
  readonly version?: string;
  /** Those that are known by name. */
  readonly nodes: readonly { readonly name: string; readonly address: string }[];
}

/** What begins with `#` and a letter or two blanks is a setting that can be switched on by taking the `#` away. */
export function configText({ cluster, source, follow }: DaemonConfig): string {
  return `# What latido follows on this machine, and whom it tells. The cluster itself is described in Git.
# No secret stands here, only where it is: { file: PATH } or { env: NAME }. After a change: systemctl reload latido.
${stringify({ cluster, source, ...(follow === undefined ? {} : { follow }) }, { lineWidth: 0 })}
# A full look at least so often; commits and drift are noticed at once.
#intervalSeconds: 300

# What latido remembers. Without it: /var/lib/latido/${cluster} as a service, else below $XDG_STATE_HOME/latido.
#state: /var/lib/latido/${cluster}

${follow === undefined ? FOLLOW_COMMENT : ''}# The HTTPS listener: health, metrics, API, webhooks. On a node its own certificate will do.
#listen:
#  address: 127.0.0.1
#  port: 8420
#  certificate: /etc/pve/local/pve-ssl.pem
#  key: /etc/pve/local/pve-ssl.key
#  webhook: { secret: { file: /etc/latido/webhook.secret } }

# Who is told when something is held, fails, drifts or recovers.
#notify:
#  - { type: email, name: admins, host: mail.example.org, from: latido@example.org, to: [admins@example.org] }
#  - { type: slack, name: chat, url: { file: /etc/latido/slack.url }, on: [failure, split-brain] }

# Commit status, and the plan as a comment in each pull request.
#forge: { type: gitea, url: https://git.example.org/api/v1, repository: it/cluster, token: { file: /etc/latido/forge.token } }

# Where \`{ secret: NAME }\` of a manifest is found.
#secrets: { file: /etc/latido/secrets.yaml }
`;
}

const FOLLOW_COMMENT = `# Of the daemons of a cluster's nodes (latido-node) the one works where this address is, of a VirtualIP.
#follow: { address: 10.0.0.50 }

`;

/** The first manifests: the cluster, and its nodes where they are known. */
export function clusterText({ name, endpoints, fingerprints, tokenFile, version, nodes }: NewCluster): string {
  const spec = { ...(version === undefined ? {} : { version }), endpoints, tls: { fingerprint: fingerprints.length === 1 ? fingerprints[0] : fingerprints }, credentials: { tokenFile } };
  const cluster = stringify({ apiVersion: 'latido/v1', kind: 'Cluster', metadata: { name }, spec }, { lineWidth: 0 });
  const document = (node: NewCluster['nodes'][number]) => `---\n${stringify({ apiVersion: 'latido/v1', kind: 'Node', metadata: { name: node.name }, spec: { address: node.address } }, { lineWidth: 0 })}`;
  return `# How latido reaches the cluster, and what it may do without asking. Each field: latido explain Cluster
${cluster}  policy:
    # Guests that need a restart for a change: never | window | now
    restart: never
    # What left Git: never | confirm | auto
    prune: confirm
    # What somebody changed by hand: enforce | report | ignore
    drift: enforce
${nodes.map(document).join('')}`;
}

/** The words of each command that makes the user, its role and its token, in order. The token's secret is in the output of its own. */
export function pveumCommands(release: string | undefined): { readonly role: readonly string[]; readonly user: readonly string[]; readonly userRights: readonly string[]; readonly token: readonly string[]; readonly tokenRights: readonly string[] } {
  return {
    role: ['pveum', 'role', 'add', ROLE, '--privs', privilegesFor(release).map(({ name }) => name).join(',')],
    user: ['pveum', 'user', 'add', USER],
    userRights: ['pveum', 'acl', 'modify', '/', '--users', USER, '--roles', ROLE],
    token: ['pveum', 'user', 'token', 'add', USER, TOKEN_NAME, '--privsep', '1', '--output-format', 'json'],
    tokenRights: ['pveum', 'acl', 'modify', '/', '--tokens', `${USER}!${TOKEN_NAME}`, '--roles', ROLE],
  };
}

/** As a shell takes it. */
export function commandText(argv: readonly string[]): string {
  return argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ');
}

/** Lines that only one of them has, `-` old and `+` new, in the order of the new text. */
export function differenceLines(before: string, after: string): readonly string[] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const common = commonLines(old, now);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  for (const [a, b] of [...common, [old.length, now.length] as const]) {
    for (; i < a; i += 1) lines.push(`- ${old[i] ?? ''}`);
    for (; j < b; j += 1) lines.push(`+ ${now[j] ?? ''}`);
    i = a + 1;
    j = b + 1;
  }
  return lines.filter((line) => line.trim().length > 1);
}

/** Places of the longest common sequence; configurations have tens of lines. */
function commonLines(old: readonly string[], now: readonly string[]): readonly (readonly [number, number])[] {
  const best: number[][] = Array.from({ length: old.length + 1 }, () => Array<number>(now.length + 1).fill(0));
  const at = (i: number, j: number) => best[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    const row = best[i] ?? [];
    for (let j = now.length - 1; j >= 0; j -= 1) row[j] = old[i] === now[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const found: (readonly [number, number])[] = [];
  for (let i = 0, j = 0; i < old.length && j < now.length;) {
    if (old[i] === now[j]) found.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return found;
}
