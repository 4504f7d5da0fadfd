// What the tour plays on: a simulated cluster with its hardware, and time. main.ts builds it, virtual or over HTTPS.
import type { Env } from '../model/doors.ts';
import type { JsonObject } from '../model/json.ts';

export interface Stage {
  readonly env: Env;
  /** What the Cluster document says so that latido reaches this stage, as YAML values. */
  readonly access: { readonly endpoints: readonly string[]; readonly fingerprint: string | undefined; readonly tokenFile: string };
  /** Virtual time only: everything but git happens inside. */
  run<T>(work: Promise<T>): Promise<T>;
  /** Lets so much of the cluster's time go by. */
  pass(seconds: number): Promise<void>;
  powerOff(node: string): void;
  powerOn(node: string): void;
  /** A person at the web console: not through latido, and not as latido's token. */
  byHand(method: 'POST' | 'PUT' | 'DELETE', path: string, params: JsonObject): Promise<void>;
  guest(vmid: number): { readonly node: string; readonly running: boolean } | undefined;
}
