// The daemon's configuration, `/etc/latido/config.yaml`: what concerns this machine and not the cluster, and so is not in Git.
// In: nothing. Out: its JSON Schema with the documentation of each field, and its type. Secrets are never in it, only where they are.
import type { JsonObject } from '../model/json.ts';

/** Where a secret is read from, each time it is needed: a file (one line, mode 0600), or an environment variable. */
export type SecretPlace = { readonly file: string } | { readonly env: string };

export interface SourceConfig {
  readonly repository?: string;
  readonly directory?: string;
  readonly branch?: string;
  readonly path?: string;
  readonly pollSeconds?: number;
  readonly ssh?: { readonly key?: string; readonly knownHosts?: string };
  readonly https?: { readonly token?: SecretPlace; readonly user?: string; readonly ca?: string };
  readonly signers?: { readonly allowedSigners?: string; readonly keyring?: string };
}

export type Right = 'metrics' | 'view' | 'approve';

export interface ListenConfig {
  readonly address?: string;
  readonly port?: number;
  readonly certificate: string;
  readonly key: string;
  readonly tokens?: readonly { readonly name: string; readonly hash: string; readonly may: readonly Right[] }[];
  readonly proxmoxLogin?: { readonly view?: string; readonly approve?: string };
  readonly webhook?: { readonly secret: SecretPlace };
}

export type Occasion = 'hold' | 'failure' | 'drift' | 'recovery' | 'split-brain' | 'commit';

interface NotifyCommon { readonly name: string; readonly on?: readonly Occasion[] }
export type NotifyConfig = NotifyCommon & (
  | { readonly type: 'webhook'; readonly url: SecretPlace; readonly secret?: SecretPlace }
  | { readonly type: 'slack' | 'mattermost'; readonly url: SecretPlace }
  | { readonly type: 'matrix'; readonly homeserver: string; readonly room: string; readonly token: SecretPlace }
  | { readonly type: 'email'; readonly host: string; readonly port?: number; readonly security?: 'tls' | 'starttls' | 'none'; readonly user?: string; readonly password?: SecretPlace; readonly from: string; readonly to: readonly string[] }
);

export interface ForgeConfig {
  readonly type: 'github' | 'gitlab' | 'gitea' | 'forgejo';
  readonly url?: string;
  readonly repository: string;
  readonly token: SecretPlace;
  readonly ca?: string;
  readonly comment?: boolean;
}

export interface SecretsConfig {
  readonly file?: string;
  readonly environment?: string;
  readonly ageKey?: SecretPlace;
}

export interface FollowConfig {
  readonly address: string;
  readonly patienceSeconds?: number;
}

export const FOLLOW_PATIENCE_SECONDS = 60;

export interface DaemonConfig {
  readonly cluster: string;
  readonly source: SourceConfig;
  readonly state?: string;
  readonly intervalSeconds?: number;
  readonly follow?: FollowConfig;
  readonly listen?: ListenConfig;
  readonly notify?: readonly NotifyConfig[];
  readonly forge?: ForgeConfig;
  readonly secrets?: SecretsConfig;
}

const FILE: JsonObject = { type: 'string', minLength: 1, maxLength: 4096 };
const LINE: JsonObject = { type: 'string', minLength: 1, maxLength: 1024, pattern: '^[^\\u0000-\\u001f]+$' };
const HTTPS: JsonObject = { ...LINE, pattern: '^https://[^\\s/@]+(?:/\\S*)?$' };
const PORT: JsonObject = { type: 'integer', minimum: 1, maximum: 65_535 };

function object(description: string, properties: JsonObject, required: readonly string[] = []): JsonObject {
  return { type: 'object', additionalProperties: false, description, properties, ...(required.length > 0 ? { required } : {}) };
}

function secret(description: string): JsonObject {
  return {
    description: `${description} Never the secret itself: \`{ file: PATH }\` (one line, readable by its owner alone) or \`{ env: NAME }\`.`,
    oneOf: [object('In a file.', { file: FILE }, ['file']), object('In the environment.', { env: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]*$', maxLength: 200 } }, ['env'])],
  };
}

const SOURCE = object('Where commits come from: a repository, or a directory for trying things.', {
  repository: { ...LINE, description: 'An https or ssh address, or the path of a bare repository on this machine (made by `latido init --server`).' },
  directory: { ...FILE, description: 'A folder instead of a repository, followed as it changes.' },
  branch: { ...LINE, default: 'main', description: 'The one branch that is followed.' },
  path: { ...LINE, description: 'Folder of this cluster in the repository. Absent: `clusters/NAME`.' },
  pollSeconds: { type: 'integer', minimum: 5, maximum: 86_400, default: 60, description: 'How often a remote repository is asked; a webhook makes it faster.' },
  ssh: object('For ssh addresses.', { key: { ...FILE, description: 'The deploy key.' }, knownHosts: { ...FILE, description: 'The host keys to trust.' } }),
  https: object('For https addresses.', { token: secret('The token.'), user: { ...LINE, description: 'What the host wants beside the token.' }, ca: { ...FILE, description: 'Certificate authority of the host, in PEM.' } }),
  signers: object('Only commits signed by one of these are taken.', { allowedSigners: { ...FILE, description: 'File of ssh keys, as git\'s `gpg.ssh.allowedSignersFile`.' }, keyring: { ...FILE, description: 'OpenPGP keys to trust: a file of public keys (`gpg --export`), or a folder with a keyring (GNUPGHOME).' } }),
});

const LISTEN = object('The HTTPS listener: health, metrics, API, webhooks. Absent: none.', {
  address: { ...LINE, default: '127.0.0.1', description: 'The address it binds to.' },
  port: { ...PORT, default: 8420, description: 'Its port.' },
  certificate: { ...FILE, description: 'Certificate chain in PEM; on a node `/etc/pve/local/pve-ssl.pem`.' },
  key: { ...FILE, description: 'Its private key in PEM; on a node `/etc/pve/local/pve-ssl.key`.' },
  tokens: {
    type: 'array', maxItems: 100, description: 'Bearer tokens. `latido token NAME` makes one and prints its hash.',
    items: object('One token.', {
      name: { ...LINE, description: 'Whose it is, for the log and the events.' },
      hash: { type: 'string', pattern: '^sha256:[0-9a-f]{64}$', description: 'SHA-256 of the token, which has 256 bits of chance.' },
      may: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: ['metrics', 'view', 'approve'] }, description: '`metrics` reads /metrics; `view` reads everything; `approve` also approves, suspends, resumes, hurries.' },
    }, ['name', 'hash', 'may']),
  },
  proxmoxLogin: object('Lets people log in as in the Proxmox console; the cluster checks the password, its permissions decide.', {
    view: { ...LINE, default: 'Sys.Audit', description: 'The privilege on `/` that may see.' },
    approve: { ...LINE, default: 'Sys.Modify', description: 'The privilege on `/` that may approve, suspend, resume, hurry.' },
  }),
  webhook: object('POST /webhook from GitHub, GitLab, Gitea, Forgejo or anything that signs in the same way.', { secret: secret('Shared with the host.') }, ['secret']),
}, ['certificate', 'key']);

const NAME: JsonObject = { ...LINE, description: 'Its name, for the log.' };
const ON: JsonObject = { type: 'array', minItems: 1, uniqueItems: true, items: { enum: ['hold', 'failure', 'drift', 'recovery', 'split-brain', 'commit'] }, description: 'What it is told of. Absent: all but `commit`.' };

function channel(type: JsonObject, description: string, properties: JsonObject, required: readonly string[]): JsonObject {
  return object(description, { type, name: NAME, on: ON, ...properties }, ['type', 'name', ...required]);
}

const NOTIFY: JsonObject = {
  type: 'array', maxItems: 50, description: 'Who is told when something is held, fails, drifts or recovers.',
  items: {
    oneOf: [
      channel({ const: 'webhook' }, 'A JSON document, POSTed.', { url: secret('The address.'), secret: secret('Signs the body: header `x-latido-signature: sha256=HMAC`.') }, ['url']),
      channel({ enum: ['slack', 'mattermost'] }, 'An incoming webhook of Slack or Mattermost.', { url: secret('The address of the webhook.') }, ['url']),
      channel({ const: 'matrix' }, 'A room of Matrix.', { homeserver: { ...HTTPS, description: '`https://matrix.example.org`.' }, room: { ...LINE, description: '`!id:example.org`.' }, token: secret('The access token.') }, ['homeserver', 'room', 'token']),
      channel({ const: 'email' }, 'Mail over SMTP.', {
        host: { ...LINE, description: 'The mail server.' }, port: { ...PORT, description: 'Absent: 465 with tls, 587 with starttls, 25 with none.' },
        security: { enum: ['tls', 'starttls', 'none'], default: 'starttls', description: 'How the connection is protected; `none` only to this machine.' },
        user: { ...LINE, description: 'The login; absent: none.' }, password: secret('Its password.'),
        from: { ...LINE, description: 'The sender.' }, to: { type: 'array', minItems: 1, maxItems: 50, items: LINE, description: 'Who gets it.' },
      }, ['host', 'from', 'to']),
    ],
  },
};

const FORGE = object('Tells the host of the repository how each commit fares: commit status, and the plan as a comment in its pull request.', {
  type: { enum: ['github', 'gitlab', 'gitea', 'forgejo'], description: 'Which API it speaks.' },
  url: { ...HTTPS, description: 'The API\'s address. Absent: https://api.github.com, https://gitlab.com/api/v4; needed for the others.' },
  repository: { ...LINE, pattern: '^[\\w.-]+(?:/[\\w.-]+)+$', description: '`owner/name`.' },
  token: secret('A token that may set commit statuses and comment.'),
  ca: { ...FILE, description: 'Certificate authority of the host, in PEM.' },
  comment: { type: 'boolean', default: true, description: 'Whether the plan is also written into the pull request.' },
}, ['type', 'repository', 'token']);

const SECRETS = object('Where `{ secret: NAME }` of a manifest is found; the first that has NAME counts: file, environment, repository.', {
  file: { ...FILE, description: 'YAML of names and values on this machine, mode 0600.' },
  environment: { type: 'string', pattern: '^[A-Z][A-Z0-9_]*$', maxLength: 100, description: 'Prefix of environment variables: with `LATIDO_SECRET_` the secret `db-password` is LATIDO_SECRET_DB_PASSWORD.' },
  ageKey: secret('The age identity (AGE-SECRET-KEY-1…) that opens `*.sops.yaml` of the repository.'),
});

const FOLLOW = object('For daemons on the nodes of a cluster (latido-node): works only on the node that has this address, and stands by on the others. When the address moves, the step under way is ended there, and the daemon of the other node goes on. Two never work at once, whoever has the address: that is prevented by the lease in /etc/pve. Absent: the daemon that asks first works, until it ends.', {
  address: { ...LINE, pattern: '^[0-9A-Fa-f:.]+$', description: 'The address of a VirtualIP, without its prefix: `10.0.0.50`. It is written here and not only in the manifests, because a daemon has to know it before it reads them.' },
  patienceSeconds: { type: 'integer', minimum: 30, maximum: 86_400, default: FOLLOW_PATIENCE_SECONDS, description: 'When no daemon had the lease for so long (no node has the address, or none runs where it is), this one works without the address, so that the address can be mended, and lets go of the lease for a moment each time as much has passed. A node that dies keeps the lease for two minutes more.' },
}, ['address']);

export const CONFIG_SCHEMA: JsonObject = {
  ...object('The daemon\'s configuration.', {
    cluster: { ...LINE, pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$', description: 'Which cluster: the name of its Cluster document.' },
    source: SOURCE,
    state: { ...FILE, description: 'Folder of what latido remembers. Absent: /var/lib/latido/CLUSTER as a service, else below $XDG_STATE_HOME/latido.' },
    intervalSeconds: { type: 'integer', minimum: 10, maximum: 86_400, default: 300, description: 'A full look at least so often.' },
    follow: FOLLOW, listen: LISTEN, notify: NOTIFY, forge: FORGE, secrets: SECRETS,
  }, ['cluster', 'source']),
};
