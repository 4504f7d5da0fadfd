// What the demo plays on: a lab behind HTTPS, a repository to push from, `latido` as a process of its own. main.ts builds it.
import type { JsonObject } from '../model/json.ts';
import type { LabLine } from './demo-lines.ts';

export interface Stage {
  /** What the Cluster document says so that latido reaches this stage. */
  readonly access: { readonly endpoints: readonly string[]; readonly fingerprint: string; readonly tokenFile: string };
  powerOff(node: string): void;
  powerOn(node: string): void;
  /** The line between two nodes on which DRBD mirrors; all else between them goes on. */
  cutLink(a: string, b: string): void;
  healLink(a: string, b: string): void;
  /** A machine on the node writes to the mirrored disk; false: it could not. */
  write(resource: string, node: string, bytes: number): boolean;
  /** Whether all copies of the resource are connected: DRBD takes a while to notice that a line is cut. */
  isConnected(resource: string): boolean;
  /** What a program on the node prints. */
  look(node: string, argv: readonly string[]): Promise<string>;
  /** A person at the web console: not through latido, and not as latido's token. */
  byHand(method: 'POST' | 'PUT' | 'DELETE', path: string, params: JsonObject): Promise<void>;
  guest(vmid: number): { readonly node: string; readonly running: boolean } | undefined;
  /** How many tasks of this type ended well for a guest. */
  tasksDone(type: string, vmid: number): number;
  /** On the node's interfaces; none while it is off. */
  addresses(node: string): readonly string[];
  /** What happened in the cluster, from this line on: virtual seconds, node, text; and when that was on this machine. */
  log(from: number): readonly LabLine[];
}

/** A program that runs beside us. */
export interface Running {
  readonly pid: number;
  /** kill -9 */
  kill(): Promise<void>;
  /** SIGTERM */
  stop(): Promise<void>;
}

export interface Demo {
  /** Where all of it is. */
  readonly folder: string;
  /** The bare repository that is pushed to. */
  readonly server: string;
  /** What latido, and the hook that starts it, have to know of the lab. */
  readonly environment: Readonly<Record<string, string>>;
  /** The words that start latido. */
  readonly program: readonly string[];
  readonly stage: Stage;
  readonly repository: {
    readonly folder: string;
    read(file: string): Promise<string>;
    commit(message: string, files: Readonly<Record<string, string>>): Promise<string>;
    push(): Promise<{ readonly accepted: boolean; readonly lines: readonly string[] }>;
    undo(): Promise<void>;
  };
  /** The manifests of clusters/unq-lab, by file name. */
  readonly manifests: Readonly<Record<string, string>>;
  /** `git config` in the bare repository. */
  configureServer(key: string, value: string): Promise<void>;
  /** Starts latido with these words. @param node of the lab on which it is to be; absent: on none */
  start(words: readonly string[], node?: string): Running;
  /** A file in the folder. */
  writeConfig(name: string, text: string): Promise<void>;
  /** Ends the lab; the folder stays. */
  close(): Promise<void>;
}
