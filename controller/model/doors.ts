// The doors to the world, as types. The real ones live in env/, the simulated ones in sim/; nothing else implements
// them, and only main.ts and tests choose. Everything that is time, randomness or I/O goes through one of these.
import type { Finding } from './finding.ts';
import type { Json, JsonObject } from './json.ts';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** One HTTP exchange with one pveproxy. `url` is path and query, `/api2/json/version?x=1`, percent-encoded. */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface HttpResponse {
  readonly status: number;
  /** Proxmox puts the first line of its message here; a 401 says its reason nowhere else. */
  readonly reason: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The connection broke. `sent` false: the request cannot have had an effect; true: nobody knows. */
export class ConnectionError extends Error {
  constructor(readonly code: 'refused' | 'unreachable' | 'timeout' | 'closed' | 'tls', readonly sent: boolean, message: string) {
    super(message);
    this.name = 'ConnectionError';
  }
}

/** Carries requests to one endpoint (`https://host:port`); knows nothing of Proxmox. */
export interface Transport {
  send(endpoint: string, request: HttpRequest, timeoutMs: number, signal?: AbortSignal): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** Small durable files of one cluster's state: names are plain (`journal.jsonl`), never paths. */
export interface Store {
  read(name: string): Promise<string | undefined>;
  /** Replaces the whole file atomically; durable (fsync of file and folder) when it resolves. */
  write(name: string, text: string): Promise<void>;
  /** Appends one line; durable when it resolves. */
  append(name: string, line: string): Promise<void>;
}

export interface Logger {
  debug(fields: Readonly<Record<string, Json>>, message: string): void;
  info(fields: Readonly<Record<string, Json>>, message: string): void;
  warn(fields: Readonly<Record<string, Json>>, message: string): void;
  error(fields: Readonly<Record<string, Json>>, message: string): void;
}

/** Proxmox answered, and it was not a success. `message` is whole, as Proxmox sent it. */
export class PveError extends Error {
  constructor(readonly status: number, message: string, readonly errors: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'PveError';
  }
}

/** The cluster's API, whichever endpoint answers. */
export interface PveApi {
  /**
   * Resolves to the answer's `data`. Repeats what is safe to repeat, on another endpoint when one is lost.
   * Throws PveError for an answer of Proxmox and ConnectionError when none could be had.
   * @param path below `/api2/json`, percent-encoded: `/nodes/pve1/qemu/110/config`
   * @param options.node holds the object: asked at its own endpoint where known, which is cheaper than a proxied call
   * @param options.at an endpoint of `sight`: asked there, and nowhere else
   * @param options.signal aborted: nothing more is sent, and what is under way is given up
   */
  get(path: string, options?: GetOptions): Promise<Json>;
  /** Never repeated once it may have had an effect: then it throws ConnectionError with `sent` true. */
  write(method: 'POST' | 'PUT' | 'DELETE', path: string, params: JsonObject, options?: { readonly node?: string }): Promise<Json>;
  /** Tells which endpoint is which node (addresses from /cluster/status), so that reads go there. */
  learnNodes(addresses: Readonly<Record<string, string>>): void;
  /** True when the calls are made as root@pam with a ticket. */
  readonly asRoot?: boolean;
  /** Absent: there is one endpoint only, or it does not matter which one answers. */
  readonly sight?: Sight;
  readonly stats: { readonly calls: number; readonly bytes: number };
}
export interface GetOptions { readonly node?: string; readonly query?: JsonObject; readonly at?: string; readonly signal?: AbortSignal }

/** An endpoint, and the node that it is, where known. */
export interface Seat { readonly endpoint: string; readonly node?: string }

/** Which endpoints answer: one observation must not be put together from the members of two partitions. */
export interface Sight {
  /** A new observation: nobody has answered yet. Whoever stays silent in it is not asked again before its end. @param without endpoints that are not asked at all, also after its end */
  begin(without: ReadonlySet<string>): void;
  end(): void;
  /** Who has answered since `begin`. */
  used(): readonly Seat[];
  all(): readonly Seat[];
}

/** What a command on a node came to. */
export interface SshResult { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Pieces of a text; a secret stays a reference until the wire. */
export type Stdin = readonly (string | StdinSecret)[];
export interface StdinSecret {
  readonly secret: string;
  /** It stands between double quotes, where `\` and `"` have a `\` before them, and may not be longer. */
  readonly quoted?: { readonly mostBytes: number };
}

/** Commands on the nodes of the cluster, as root. */
export interface Ssh {
  /**
   * Runs one program; never repeated. Resolves for every exit code: 127 when there is no such program, 128 + N for a signal.
   * Throws ConnectionError: `sent` false when nothing was begun, true when nobody knows how it ended.
   * @param argv never a line for a shell: each string arrives as it is
   */
  run(node: string, argv: readonly string[], options: { readonly stdin?: Stdin; readonly timeoutMs: number }): Promise<SshResult>;
  /**
   * Several, one after the other in one session: each as `run` would, whatever the one before came to, with nothing to read.
   * Answers in their order. The limit is for all together.
   */
  runAll(node: string, argvs: readonly (readonly string[])[], options: { readonly timeoutMs: number }): Promise<readonly SshResult[]>;
  /** Addresses by node, from /cluster/status. */
  learnNodes(addresses: Readonly<Record<string, string>>): void;
  readonly stats: { readonly calls: number };
}

/** The manifests of one commit, as text: it can be kept on disk and parsed again. */
export interface SourceCommit {
  /** The whole commit id, or a digest of the files where there is no git: equal ids are equal files. */
  readonly id: string;
  /** What a person reads: `main@sha1:…`. */
  readonly revision: string;
  /** The cluster's own folder, sorted by path; empty when the commit no longer contains it. */
  readonly files: readonly { readonly path: string; readonly text: string; readonly unreadable?: string }[];
  /** What a person should hear of although the commit counts: rewritten history, an unsigned parent. */
  readonly warnings?: readonly Finding[];
}

/** Where commits come from: a branch, a bare repository, a folder. */
export interface CommitSource {
  /** The newest commit now. Throws Failure when it cannot be had or must not be used (unreachable, bad signature, branch gone). */
  latest(): Promise<SourceCommit>;
  /** Calls `onChange` when it is worth looking again; it may call too often. Answers how to stop. */
  watch(onChange: () => void): () => void;
}

/** The right to be the one writer of a cluster. None of them throws for a lease that somebody else has. */
export interface Lease {
  /** Takes it, or tells who has it. Asking again while it is held renews it. */
  acquire(): Promise<{ readonly held: true } | { readonly held: false; readonly by: string }>;
  /** False: it is lost, and nothing may be done any more before `acquire` has answered held. */
  renew(): Promise<boolean>;
  /** Lets another one have it at once. */
  release(): Promise<void>;
  /** Whether nobody has it: given back, or not renewed for as long as it lives. False also when nobody can say. Absent: it binds this machine alone. */
  isFree?(): Promise<boolean>;
}

/** What a file operation came to: its value, or the name of the errno (`EACCES`). */
export type FileResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errno: string };

/** `/etc/pve` as this node has it mounted. Paths are relative to it (`priv/lock/x`); none of these throws for what the file system refuses. */
export interface ClusterFiles {
  read(path: string): Promise<FileResult<string>>;
  /** Names, sorted. */
  list(path: string): Promise<FileResult<readonly string[]>>;
  /** Seconds since the epoch, as the node that wrote last told it; the same on all nodes. */
  mtime(path: string): Promise<FileResult<number>>;
  mkdir(path: string): Promise<FileResult<void>>;
  rmdir(path: string): Promise<FileResult<void>>;
  /** Sets the modification time; 0 asks the cluster to release a stale lock, and always answers EACCES. */
  utime(path: string, mtimeSeconds: number): Promise<FileResult<void>>;
}

/** What started us and watches us: systemd. Both resolve when told, and never throw. */
export interface Supervisor {
  /** `READY=1`, `STATUS=…`, `STOPPING=1`, `WATCHDOG=1`. */
  tell(state: string): Promise<void>;
  /** It expects a `WATCHDOG=1` at least this often. */
  readonly watchdogMs?: number;
}

/** One mail to one server, over TLS that is verified unless `security` is none. */
export interface Mail {
  readonly host: string;
  readonly port: number;
  readonly security: 'tls' | 'starttls' | 'none';
  readonly login?: { readonly user: string; readonly password: string };
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** The same at every try. */
  readonly id: string;
  readonly at: number;
}
export interface Mailer {
  /** Resolves when the server has taken it for all of `to`. Throws ConnectionError, or MailRefused. */
  send(mail: Mail, signal?: AbortSignal): Promise<void>;
}
/** The mail server answered, and it was no. `isFinal`: it will say the same to this mail again. */
export class MailRefused extends Error {
  constructor(readonly isFinal: boolean, message: string) {
    super(message);
    this.name = 'MailRefused';
  }
}

/** Requests of the command line on this machine; an answer is one JSON value. */
export interface ControlDoor {
  /** Answers how to stop listening; undefined when another one answers there already. */
  listen(answer: (request: JsonObject) => Promise<JsonObject>): Promise<(() => Promise<void>) | undefined>;
}

/** What a person may at the cluster, by their own password; nothing of it is kept. */
export type ProxmoxLogin = (username: string, password: string) => Promise<
  /** Privileges on `/`. */
  | { readonly is: 'in'; readonly privileges: ReadonlySet<string> }
  | { readonly is: 'refused'; readonly why: string; readonly fix?: string }
>;

export interface HttpsPlace { readonly address: string; readonly port: number; /** Files in PEM. */ readonly certificate: string; readonly key: string }

/** Serves HTTPS. Answers how to stop, and the port that it got. Throws Failure when it cannot. */
export interface HttpsDoor {
  /** Whether its files can be used; throws Failure when not. */
  check(place: HttpsPlace): Promise<void>;
  listen(place: HttpsPlace, answer: (request: Request, address: string) => Promise<Response>): Promise<{ readonly port: number; close(): Promise<void> }>;
}

/** Secrets that stand on this machine; read anew each time that they are asked for. */
export interface MachineSecrets {
  /** The file of names and values; undefined: none is configured. Throws Failure SECRET_MISSING. */
  file(): Promise<{ readonly path: string; readonly text: string } | undefined>;
  /** The value of a name in the environment. */
  variable(name: string): string | undefined;
  /** What opens the repository's encrypted files: `AGE-SECRET-KEY-1…`. Throws Failure SECRET_MISSING. */
  identities(): Promise<readonly string[]>;
  /** Whether anybody has configured anything at all on this machine: if not, that a name is missing says nothing. */
  isConfigured(): boolean;
}

/** An encrypted file of the commit. */
export interface SealedFile { readonly path: string; readonly text: string }

/** Where `{ secret: NAME }` is found: a file of this machine, its environment, the encrypted files of the commit. */
export interface SecretDoor {
  /**
   * Looks names up for one round. What cannot be had is told, not thrown.
   * @param asked names, each with the versions that are remembered of it
   */
  open(sealed: readonly SealedFile[], asked: ReadonlyMap<string, readonly string[]>): Promise<OpenSecrets>;
  /** `text` without any value that was ever looked up. */
  hide(text: string): string;
}

export interface OpenSecrets {
  /** The commands on nodes, with values in place of references. */
  commands(ssh: Ssh): Ssh;
  /** Names a value without telling it: equal to a remembered version exactly when the value is the same. */
  readonly versions: ReadonlyMap<string, string>;
  /** Names that cannot be had, with what to do. */
  readonly missing: ReadonlyMap<string, { readonly fact: string; readonly fix: string }>;
  /** What is wrong with the files themselves. */
  readonly findings: readonly Finding[];
  /** Nothing on this machine tells secrets: `missing` is no mistake of the manifests. */
  readonly isBlind: boolean;
  /** The same API, with values in place of references in what is written, and without them in what comes back. */
  wire(pve: PveApi): PveApi;
}

export interface ShownCertificate { /** SHA-256, `AA:BB:…`. */ readonly fingerprint: string; readonly subject: string; readonly validToMs: number }

/** The machine that latido runs on: to set it up, and to check it. */
export interface Machine {
  readonly isRoot: boolean;
  /** A program and its words, without a shell; undefined: there is no such program. */
  run(argv: readonly string[]): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string } | undefined>;
  /** What an endpoint (`https://host:port`) shows to anybody; nothing is sent to it. Throws ConnectionError. */
  certificateAt(endpoint: string): Promise<ShownCertificate>;
  read(file: string): Promise<FileResult<string>>;
  /** Atomically, in a folder that is made where it is not there. */
  write(file: string, text: string, mode: number): Promise<FileResult<void>>;
  /** What this user may write to and how much fits; undefined: there is no such folder. */
  folder(path: string): Promise<{ readonly isWritable: boolean; readonly freeBytes: number } | undefined>;
  /** Why nobody could listen there, as the name of the errno; undefined: it is free. */
  portTrouble(address: string, port: number): Promise<string | undefined>;
  /** Throws Failure when the secret cannot be had; it stays here. @param what for the message */
  checkSecret(place: { readonly file: string } | { readonly env: string }, what: string): Promise<void>;
  /** Who works with this state folder now, in words. */
  workersIn(stateFolder: string): Promise<readonly string[]>;
}

/** The whole world. */
export interface Env {
  readonly pve: PveApi;
  /** Absent: no way to the nodes themselves, which DRBD and the virtual IP need. */
  readonly ssh?: Ssh;
  readonly clock: Clock;
  readonly store: Store;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
  /** Absent: no secret can be had. */
  readonly secrets?: SecretDoor;
}
