import type { DesiredObject } from './desired.ts';
import type { Json } from './json.ts';
import type { Ref } from './ref.ts';

/** What one read of the observer asks; de-duplicated by its text. */
export interface Read { readonly path: string; /** The node that holds the object: asked there when its endpoint is known. */ readonly node?: string }
export type Answer = { readonly ok: true; readonly data: Json } | { readonly ok: false; readonly status: number; readonly message: string };

/** What latido remembers of an object from its last apply: a help, never a truth. */
export interface Memory {
  readonly ref: Ref;
  /** The live id: `110`, `disk-virtual`, `both`. */
  readonly id: string;
  /** uuid or creation mark of the very object that we made or adopted. */
  readonly identity?: string;
  /** Paths below `spec` that we have set. */
  readonly fields: readonly string[];
  /** The version of each secret that we wrote last, by its path; never the secret. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Somebody to look at: wanted by a manifest, remembered, or marked as ours in the cluster. */
export interface Subject<Spec = unknown> {
  readonly ref: Ref;
  readonly id: string;
  readonly desired?: DesiredObject<Spec>;
  readonly memory?: Memory;
}

export type Observed<Live = unknown> =
  | { readonly state: 'present'; readonly live: Live; readonly owned: boolean; readonly identity?: string; readonly digest?: string; /** e.g. values that wait for a restart */ readonly conditions?: readonly string[] }
  | { readonly state: 'absent'; /** What it would be made from, when the kind asked: the template's configuration. */ readonly origin?: Json; /** The node on which a creation of ours that was cut off left its id behind, and nothing else. */ readonly remnant?: string }
  | { readonly state: 'busy'; readonly why: string; readonly owned: boolean }
  | { readonly state: 'unknown'; readonly why: string };

/** What a change of a field does to the guest, from nothing to not possible. */
export type Effect = 'live' | 'hotplug' | 'restart' | 'stop-start' | 'disk-move' | 'migrate' | 'refused';

export interface FieldChange {
  /** Below `spec`: `config.memory`, `config.scsi0.size`, `power`. */
  readonly path: string;
  /** undefined: not set. */
  readonly from: Json | undefined;
  readonly to: Json | undefined;
  readonly effect: Effect;
  /** Why it is refused, or what else a reader should know. */
  readonly note?: string;
  /** It is due by the clock: nobody changed anything. */
  readonly isScheduled?: true;
}

export type Verb = 'create' | 'update' | 'adopt' | 'delete' | 'none';

/** The difference on one object. */
export interface Change<Spec = unknown, Live = unknown> {
  readonly ref: Ref;
  readonly verb: Verb;
  readonly subject: Subject<Spec>;
  readonly observed: Observed<Live>;
  readonly fields: readonly FieldChange[];
  /** That the manifest itself gives the object, where it does. */
  readonly identity?: string;
}
