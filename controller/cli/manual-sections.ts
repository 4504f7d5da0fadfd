// What the manual page says besides commands and options. Data.

/** What, and what it means. */
export type Entry = readonly [term: string, meaning: string];

export interface ManualSections {
  readonly description: readonly string[];
  readonly exit: readonly Entry[];
  readonly environment: readonly Entry[];
  readonly files: readonly Entry[];
  /** What it does, and the command, in several lines if need be. */
  readonly examples: readonly Entry[];
  readonly seeAlso: readonly (readonly [name: string, section: number])[];
}

export const MANUAL_SECTIONS: ManualSections = {
  description: [
    'latido keeps a Proxmox VE cluster as a Git repository describes it: nodes, guests, storages, pools, high availability and backup jobs are YAML, one document for each object.',
    'latido plan shows what a commit would change on the live cluster, in order, with what is held back and why; latido apply does exactly that; latido run is the daemon, which follows every commit and undoes drift. Nothing is destroyed, restarted or moved that the plan did not name.',
    'Every command describes itself with --help. Fields of manifests are described by latido explain.',
  ],
  exit: [
    ['0', 'Done, or in sync.'],
    ['1', 'An error; standard error says which, where, and what to do.'],
    ['2', 'With --detailed-exitcode alone: there are changes, or there were.'],
  ],
  environment: [
    ['NO_COLOR', 'Anything in it turns colours off.'],
    ['LATIDO_DEBUG', 'Anything in it adds stack traces to defects, and debug lines to the log.'],
    ['XDG_STATE_HOME', 'Folder below which latido/CLUSTER holds what is remembered; ~/.local/state without it.'],
    ['STATE_DIRECTORY', 'Set by systemd for the service: /var/lib/latido. It counts before XDG_STATE_HOME.'],
    ['NOTIFY_SOCKET, WATCHDOG_USEC', 'Set by systemd: the daemon says when it is ready and that it is alive.'],
    ['CREDENTIALS_DIRECTORY', 'Set by systemd with LoadCredential: a folder whose files a manifest may name as tokenFile.'],
  ],
  files: [
    ['/etc/latido/config.yaml', 'Configuration of the daemon: which cluster, where commits come from, who is told. Secrets are never in it, only the names of their files. Its comments describe every field.'],
    ['/var/lib/latido/CLUSTER', 'What the service remembers of a cluster. A help, not a truth: without it latido starts again from the cluster and from Git, and takes nothing away that it does not remember setting.'],
    ['/var/lib/latido/CLUSTER/control.sock', 'Where latido status, get, events, history, suspend, resume, reconcile and approve ask the daemon.'],
    ['/etc/pve/priv/lock/latido-CLUSTER', 'On a node: the lock that lets one daemon of the whole cluster write.'],
    ['/usr/lib/systemd/system/latido.service', 'The daemon as the user latido, which reaches the cluster through its API.'],
    ['/usr/lib/systemd/system/latido-node.service', 'The daemon as root on a node, where /etc/pve and ssh to other nodes are needed. Only one of the two can run on a machine. Of the nodes that run it one works: with follow in the configuration the one that has the cluster\'s address.'],
    ['/usr/lib/latido/schema', 'JSON Schemas of manifests, for editors.'],
    ['/usr/share/doc/latido/examples', 'Clusters with their plans, and files for pull-request previews.'],
  ],
  examples: [
    ['See it work, without a cluster:', 'latido demo'],
    ['Find every mistake in the manifests of this folder:', 'latido validate'],
    ['Plan, look, and do exactly that plan:', 'latido plan clusters/unq --out unq.plan\nlatido apply clusters/unq --plan unq.plan'],
    ['Run the daemon as a service, once its configuration is written:', 'editor /etc/latido/config.yaml\nsystemctl enable --now latido\nlatido status'],
    ['Make a repository on this machine that refuses broken manifests on push:', "runuser -u latido -- latido init --server /var/lib/latido/manifests.git"],
  ],
  seeAlso: [['git', 1], ['systemctl', 1], ['journalctl', 1], ['qm', 1], ['pct', 1], ['pveum', 1]],
};
