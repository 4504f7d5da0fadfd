import type { Answer, Change, FieldChange, Observed, Read, Subject } from './change.ts';
import type { Desired, DesiredObject } from './desired.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { JsonObject } from './json.ts';
import type { Ref } from './ref.ts';
import type { Step } from './step.ts';

/** What a change will take from the world, so that the next object is planned on what remains. */
export interface Usage {
  readonly memory?: { readonly node: string; readonly bytes: number };
  readonly guests?: { readonly node: string; readonly vmid?: number };
  readonly storage?: readonly { readonly storage: string; readonly node: string; readonly bytes: number }[];
}

export interface Steps { readonly steps: readonly Step[]; readonly notes?: readonly string[]; readonly uses?: Usage; /** Field changes that only the steps can know, e.g. the node chosen for a new guest. */ readonly fields?: readonly FieldChange[] }

/** How an object stands that may be as its manifest asks and still not well. `trouble` is one word for programs: `TwoHolders`. */
export interface Standing { readonly message: string; readonly trouble?: string }

export interface KindContext {
  readonly desired: Desired;
  readonly facts: Facts;
  readonly mark: string;
  /** For `steps`: what the same plan does before, by `refText` of all that the object builds on; held steps have their hold. */
  readonly ahead?: ReadonlyMap<string, readonly Step[]>;
}

/** A kind answers questions with values; it does no I/O. One per kind of manifest, made for one version of the API (kinds/index.ts). */
export interface ResourceKind<Spec = unknown, Live = unknown> {
  readonly kind: string;
  /** JSON Schema of `spec`, with the documentation of every field. */
  readonly schema: JsonObject;
  /** The live id that this object has in the cluster: its VMID, storage id, pool id … Unique within the kind and `idSpace`. */
  id(object: DesiredObject<Spec>): string;
  /** Kinds that share ids (VMIDs of virtual machines and containers) name the same space. */
  readonly idSpace: string;
  /** Mistakes that the schema cannot see: options of the API, slots, versions. */
  findings(object: DesiredObject<Spec>, desired: Desired): readonly Finding[];
  /** Mistakes that only the live cluster shows: nodes, storages, bridges that do not exist. */
  liveFindings?(object: DesiredObject<Spec>, context: KindContext): readonly Finding[];
  /** Objects named by this one: what must be in place before (create, update) and stays until after (delete). */
  requires(object: DesiredObject<Spec>, desired: Desired): readonly Ref[];
  /** Kinds whose objects this one may name; theirs are deleted only after changes of this kind are done. */
  readonly refersTo: readonly string[];
  /** Live objects of this kind that carry our mark, whether or not a manifest names them. */
  marked(facts: Facts, mark: string): readonly { readonly ref: Ref; readonly id: string }[];
  reads(subject: Subject<Spec>, facts: Facts, desired: Desired): readonly Read[];
  observe(subject: Subject<Spec>, facts: Facts, answer: (path: string) => Answer, mark: string, desired: Desired): Observed<Live>;
  diff(subject: Subject<Spec>, observed: Extract<Observed<Live>, { state: 'present' }>, context: KindContext): readonly FieldChange[];
  steps(change: Change<Spec, Live>, context: KindContext): Steps;
  /** What is to be told of it beside the manifest: who has the address. */
  standing?(object: DesiredObject<Spec>, context: KindContext): Standing | undefined;
  /** Nodes that have to be asked over ssh, for this object. */
  nodesToAsk?(object: DesiredObject<Spec>): readonly string[];
  /** Nodes to ask besides, once those have told: their files name a copy that the manifest does not name any more. */
  nodesNamedThere?(object: DesiredObject<Spec>, facts: Facts): readonly string[];
  /** Every node is asked as soon as there is one object of this kind: one that its manifest does not name may have what it should not. */
  readonly asksAllNodes?: boolean;
  /** What was made of this kind can only be found by asking all nodes over ssh. */
  readonly isOnNodes?: boolean;
  /** The identity that the manifest itself gives the object, where it does. */
  identity?(object: DesiredObject<Spec>): string | undefined;
  /** Paths below `spec` that this object sets, for the memory. */
  fields(object: DesiredObject<Spec>): readonly string[];
  /** Paths below `spec` that Proxmox takes and never tells: only there may `{ secret: NAME }` stand. */
  secretPaths?(object: DesiredObject<Spec>): readonly string[];
  /** Objects of other kinds that this one defines with it, placed where it says so: a DRBD resource is a storage as well. */
  derives?(object: DesiredObject<Spec>): readonly DesiredObject[];
  /** Among its kind lower ones are planned first: what has no choice takes its place before what has one. */
  turn?(object: DesiredObject<Spec>): number;
  /** Whether the first one's data is a difference to the second one's, of the same kind: it is destroyed before, or keeps the other from it. */
  standsOn?(live: Live, base: Live): boolean;
  /** Objects whose deletion can never be asked for (Cluster, Node): prune passes them by. */
  readonly neverPruned?: boolean;
  /** Others may name an object of this kind that no manifest defines: it may exist in the cluster, which `liveFindings` of the namer checks. */
  readonly mayBeLiveOnly?: boolean;
}
export type AnyKind = ResourceKind;
export type Registry = ReadonlyMap<string, AnyKind>;
