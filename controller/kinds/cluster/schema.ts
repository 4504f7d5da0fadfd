// The manifest of a cluster: how to reach it, what latido may do to it, and its datacenter options.
import { DEFAULT_MARK, DEFAULT_POLICY } from '../../model/desired.ts';
import type { JsonObject } from '../../model/json.ts';

/** Versions of Proxmox VE whose API latido carries. */
export const KNOWN_VERSIONS = ['7.4', '8.4', '9.0', '9.1', '9.2'] as const;

const FINGERPRINT: JsonObject = { type: 'string', pattern: '^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$' };
const COUNT: JsonObject = { type: 'integer', minimum: 0, maximum: 100_000 };
const VMID: JsonObject = { type: 'integer', minimum: 100, maximum: 999_999_999 };

const POLICY: JsonObject = {
  type: 'object', additionalProperties: false, description: 'What latido may do without asking. What it may not is shown in the plan and held.',
  properties: {
    restart: { enum: ['never', 'window', 'now'], default: DEFAULT_POLICY.restart, description: 'What happens to a guest that needs a restart for a change: nothing until somebody restarts it, a restart within one of the windows, or a restart at once.' },
    apply: { enum: ['always', 'window'], default: DEFAULT_POLICY.apply, description: 'When anything at all is done: whenever a plan asks for it, or only within one of the windows. Outside of them the plan is shown, and held.' },
    windows: {
      type: 'array', maxItems: 50, default: [], description: 'Maintenance windows, for `restart: window` and `apply: window`. Each has either `start`, with or without `days`, or `schedule`.',
      items: {
        type: 'object', additionalProperties: false, required: ['hours'],
        properties: {
          days: { type: 'array', minItems: 1, maxItems: 7, uniqueItems: true, items: { enum: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] }, description: 'Days on which it opens. Absent: every day.' },
          start: { type: 'string', description: 'When it opens, as hours and minutes: `"02:00"`.' },
          schedule: { type: 'string', maxLength: 200, description: 'When it opens, as cron writes it (minute, hour, day, month, weekday): `"0 2 * * 6"`, or `"0 2 * * 6#1"` for the first Saturday of a month.' },
          hours: { type: 'number', description: 'How long it stays open, over midnight if need be. At most 168, a week.' },
          timezone: { type: 'string', default: 'UTC', description: 'Whose clock, as a name of the IANA list: `Europe/Madrid`.' },
        },
      },
    },
    prune: { enum: ['never', 'confirm', 'auto'], default: DEFAULT_POLICY.prune, description: 'What happens to an object of ours that left Git: kept, removed after an approval, or removed.' },
    drift: { enum: ['enforce', 'report', 'ignore'], default: DEFAULT_POLICY.drift, description: 'What the daemon does with an object that somebody changed by hand while its manifest stayed the same: put it back, only tell of it, or leave it alone. The annotation `latido/drift` of an object says otherwise for that one.' },
    adopt: { enum: ['matching', 'confirm', 'never'], default: DEFAULT_POLICY.adopt, description: 'What happens when an object of a manifest exists already and latido did not make it: taken over, taken over after an approval, or left alone.' },
    limits: {
      type: 'object', additionalProperties: false, description: 'How much one round may do; the rest of the plan waits for an approval.',
      properties: {
        deletions: { ...COUNT, default: DEFAULT_POLICY.limits.deletions, description: 'Objects deleted.' },
        restarts: { ...COUNT, default: DEFAULT_POLICY.limits.restarts, description: 'Guests restarted.' },
        migrations: { ...COUNT, default: DEFAULT_POLICY.limits.migrations, description: 'Guests moved to another node.' },
      },
    },
    vmids: {
      type: 'object', additionalProperties: false, required: ['from', 'to'], description: 'The VMIDs that manifests may use.',
      properties: { from: { ...VMID, default: DEFAULT_POLICY.vmids.from, description: 'The lowest.' }, to: { ...VMID, default: DEFAULT_POLICY.vmids.to, description: 'The highest.' } },
    },
  },
};

export const CLUSTER_SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false, required: ['endpoints'],
  description: 'The cluster itself. Each folder of manifests has exactly one.',
  properties: {
    version: { enum: KNOWN_VERSIONS, description: 'The version of Proxmox VE that manifests are checked against without a cluster, in quotes: `"9.2"`. With a cluster its own version counts.' },
    endpoints: {
      type: 'array', minItems: 1, maxItems: 64, uniqueItems: true, items: { type: 'string', pattern: '^https://[^\\s/]+/?$' },
      description: 'Addresses of the API, `https://HOST:8006`, tried in order. More than one keeps latido working while a node is down.',
    },
    tls: {
      type: 'object', additionalProperties: false, description: 'Whom to trust. Absent: the certificate authorities of the machine. A connection is never made unverified; with both, both must hold.',
      properties: {
        fingerprint: { anyOf: [FINGERPRINT, { type: 'array', minItems: 1, maxItems: 64, items: FINGERPRINT }], description: 'SHA-256 of the certificate, `AA:BB:…`, or of those of all endpoints. On a node: `pvenode cert info`.' },
        ca: { type: 'string', minLength: 1, description: 'File with the certificate authority, in PEM: a copy of `/etc/pve/pve-root-ca.pem`.' },
      },
    },
    credentials: {
      type: 'object', additionalProperties: false, description: 'Where the credentials are; exactly one of these. They never stand in a manifest.',
      properties: {
        tokenFile: { type: 'string', minLength: 1, description: 'File with an API token, `user@realm!id=secret`, readable by nobody else.' },
        tokenEnv: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]*$', description: 'Name of the environment variable that holds an API token.' },
        userFile: { type: 'string', minLength: 1, description: 'File with a user on its first line and the password on its second. Only needed for the few options that are for root@pam alone.' },
      },
    },
    ssh: {
      type: 'object', additionalProperties: false, description: 'How the nodes themselves are reached, which DRBD, LVM and the virtual IP need; on a node its own commands need none. Host keys are verified, by the name of the node.',
      properties: {
        user: { enum: ['root'], default: 'root', description: 'Who logs in: DRBD, LVM and the configuration of the nodes are root\'s.' },
        port: { type: 'integer', minimum: 1, maximum: 65_535, default: 22, description: 'The port of sshd on all nodes.' },
        key: { type: 'string', minLength: 1, description: 'File with the private key. Absent: the keys of the user that runs latido; on a node those of root, which all nodes accept.' },
        knownHosts: { type: 'string', minLength: 1, description: 'File with the host keys of the nodes, by their names: a copy of `/etc/pve/priv/known_hosts`. Absent: those of the user and the machine.' },
        addresses: { type: 'object', maxProperties: 64, additionalProperties: { type: 'string', minLength: 1, maxLength: 253, pattern: '^[A-Za-z0-9][A-Za-z0-9.:_-]*$' }, description: 'Addresses by node, where the one that the cluster tells is not the one to use.' },
      },
    },
    policy: POLICY,
    mark: {
      type: 'string', pattern: '^[a-z0-9_][a-z0-9_+.-]*$', maxLength: 60, default: DEFAULT_MARK,
      description: 'The tag of guests, and the word in brackets at the end of comments, that says that an object is ours. Two latidos on one cluster need two marks. After a change of it everything has to be adopted anew.',
    },
    qdevice: { type: 'boolean', default: false, description: 'A third machine gives a vote (`pvecm qdevice setup`). With two nodes HA needs it: alone, a node has no quorum and starts nothing.' },
    options: {
      type: 'object', maxProperties: 60,
      description: 'Datacenter options: every parameter of `PUT /cluster/options`, by Proxmox\'s own name, as property string or as mapping: `migration: { type: secure, network: 10.0.0.0/24 }`. An option that is not written is left as it is.',
    },
  },
};
