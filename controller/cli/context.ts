// What a command is given: a terminal and a world. main.ts makes the real ones, tests literal ones.
import type { SecretsConfig } from '../config/schema.ts';
import type { DesiredObject, ClusterSpec } from '../model/desired.ts';
import type { SecretPlace } from '../config/schema.ts';
import type { Clock, ControlDoor, Env, HttpsDoor, Lease, Machine, Mailer, ProxmoxLogin, Store, Supervisor, SecretDoor, Transport } from '../model/doors.ts';
import type { JsonObject } from '../model/json.ts';
import type { ApiTables } from '../pve/api-tables.ts';
import type { DaemonParts } from '../daemon/loop.ts';
import type { KindsFor } from '../reconcile.ts';
import type { Usage } from '../serve/metrics.ts';
import type { FrameSize } from './progress.ts';
import type { Demo } from './stage.ts';

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Colour, width and height of standard output, asked anew because windows are resized. */
  style(): FrameSize;
  errStyle(): FrameSize;
  /** Whether both a person reads and can answer. */
  readonly interactive: boolean;
  /** Whether standard error can be drawn on. */
  readonly live: boolean;
  /** One line typed by a person; undefined at the end of input. Hidden: it is not shown while it is typed. */
  ask(question: string, how?: { readonly hidden: true }): Promise<string | undefined>;
  /** Calls `beat` several times a second until stopped. */
  ticker(beat: (nowMs: number) => void): () => void;
}

/** A cluster to work on, and how to let go of it. */
export interface Opened { readonly env: Env; close(): Promise<void> }

export interface OpenOptions {
  readonly stateDir?: string;
  /** Refuses (STATE_LOCKED) when another process writes to this cluster with the same state folder; let go by `close`. */
  readonly lock?: boolean;
  /** Instead of the process's own, for tokens. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Where the daemon's configuration says that secrets are. */
  readonly secrets?: SecretsConfig;
}

export interface World {
  readonly clock: Clock;
  readonly version: string;
  /** Where a person reports a defect, when the package says so. */
  readonly reportTo: string | undefined;
  /** API tables that we carry, in rising order: `7.4` … */
  readonly tableVersions: readonly string[];
  tables(version: string): ApiTables;
  /** The kinds for a release of Proxmox. Throws Failure. */
  readonly kindsFor: KindsFor;
  /** Throws Failure. */
  readText(file: string): Promise<string>;
  /** Atomically; throws Failure. */
  writeText(file: string, text: string | Iterable<string>): Promise<void>;
  /** The real cluster. @param stateDir absent: below the user's state folder, by the cluster's name */
  open(cluster: DesiredObject<ClusterSpec>, options: OpenOptions): Promise<Opened>;
  /** Where `{ secret: NAME }` is found without a daemon; absent: nobody can look. */
  secrets?(): Promise<SecretDoor>;
  readonly daemon: DaemonDoors;
  machine(): Promise<Machine>;
  lab(options: LabOptions): Promise<Lab>;
  /** The cluster of clusters/unq-lab in a lab, and a fresh repository for its manifests. @param speed of the lab and the daemon */
  demo(options: { readonly speed: number }): Promise<Demo>;
  simulate(options: SimulateOptions): Promise<Simulated>;
}

/** What only `latido run` and those who talk to it need. */
export interface DaemonDoors {
  /** What is remembered of a cluster, without opening the cluster. */
  store(cluster: string, stateDir?: string): { readonly store: Store; readonly folder: string };
  /** As `World.open`, with what a daemon needs besides; its log tells of each step. */
  open(cluster: DesiredObject<ClusterSpec>, options: OpenOptions): Promise<Opened & { readonly lease: Lease; readonly control: ControlDoor; readonly login: ProxmoxLogin; readonly supervisor?: Supervisor; readonly files?: NonNullable<DaemonParts['files']> }>;
  /** One question to the daemon. @param cluster may be left out when one daemon alone is known. Throws Failure DAEMON_ABSENT. */
  ask(where: { readonly cluster?: string; readonly stateDir?: string }, request: JsonObject): Promise<JsonObject>;
  /** SIGHUP; answers how to stop. */
  onReload(call: () => void): () => void;
  /** The addresses of this machine, as the kernel writes them; of a lab's node, when it is said that we are on one. */
  ownAddresses(): Promise<readonly string[]>;
  readonly https: HttpsDoor;
  /** A bearer token with 256 bits of chance. */
  newToken(): string;
  /** One line, for the wire; throws Failure AUTH_FAILED. @param what for the message: `the token of the forge` */
  readSecret(place: SecretPlace, what: string): Promise<string>;
  usage(): Usage;
  /** To hosts that are not the cluster: notifications, forges. @param caFile PEM, instead of the authorities that Node trusts; throws Failure when it cannot be read */
  outbound(caFile?: string): Promise<{ readonly transport: Transport; readonly mailer: Mailer }>;
  /** A word for the log of whatever runs beside the rounds. */
  warn(text: string): void;
  readonly random: () => number;
}

export type Trouble = 'none' | 'network' | 'power';
export interface SimulateOptions { readonly shape: LabShape; readonly pveVersion: string; readonly seed: number; readonly trouble: Trouble; /** The file that describes the cluster to start from. */ readonly live?: string; /** A file with a story, instead of the trouble. */ readonly script?: string }

/** A simulated cluster in virtual time, behind the doors of the real one. */
export interface Simulated {
  readonly env: Env;
  /** What will go wrong, in words. */
  readonly trouble: string;
  /** Virtual time runs as long as the work does. */
  run<T>(work: Promise<T>): Promise<T>;
  /** What happened in the cluster: virtual seconds, node, text. */
  log(): readonly string[];
}

/** A simulated cluster as manifests need it. */
export interface LabShape {
  readonly name: string;
  readonly qdevice: boolean;
  /** Sizes in bytes: volume groups by name, empty disks by path. */
  readonly nodes: readonly { readonly name: string; readonly address?: string; readonly volumeGroups?: Readonly<Record<string, number>>; readonly devices?: Readonly<Record<string, number>>; readonly virtualIps?: readonly { readonly address: string; readonly interface: string; readonly provider?: string }[] }[];
  readonly storages: readonly { readonly id: string; readonly shared: boolean }[];
  readonly bridges: readonly string[];
  /** Installation media, appliances, images and backups that manifests name: `local:iso/debian-12.iso`. */
  readonly media: readonly string[];
  /** What storages of these types are made on: `pve/data`, `tank`. */
  readonly thinPools?: readonly string[];
  readonly zpools?: readonly string[];
}

export interface LabOptions {
  readonly shape: LabShape;
  readonly pveVersion: string;
  readonly port: number;
  readonly speed: number;
  readonly seed: number;
  /** So many alike, spread over the nodes. */
  readonly guests: number;
  /** The file that describes the cluster to start from. */
  readonly live?: string;
  readonly state?: string;
  readonly script?: string;
}

export interface Lab {
  readonly endpoints: readonly { readonly node: string; readonly url: string }[];
  readonly fingerprint: string;
  /** `root@pam!lab=…`; a lab's secrets are public. */
  readonly token: string;
  readonly guests: number;
  /** The socket by which another latido runs commands on the nodes, instead of ssh. */
  readonly nodes: string;
  /** Lines of what has happened since the last call. */
  news(): readonly string[];
  requests(): number;
  close(): Promise<void>;
}

export interface Context {
  readonly terminal: Terminal;
  readonly world: World;
  /**
   * Runs work that Ctrl-C should end in order: the first aborts the signal, the second leaves at once after `leaving` was written.
   * Outside of it Ctrl-C ends the program.
   */
  interruptible<T>(work: (signal: AbortSignal) => Promise<T>, leaving: () => string): Promise<T>;
}

/** What a command leaves behind: 0 done or in sync, 1 error, 2 changes (with --detailed-exitcode). */
export type ExitCode = 0 | 1 | 2;

export interface Printable { readonly text: string; readonly json: JsonObject }
