// A small cluster of literals: what a kind says of one object in it, without observer, planner or API.
import type { Answer, Change, FieldChange, Memory, Observed, Subject } from '../../controller/model/change.ts';
import type { ClusterSpec, Desired, DesiredObject } from '../../controller/model/desired.ts';
import type { Facts } from '../../controller/model/facts.ts';
import type { Finding } from '../../controller/model/finding.ts';
import type { AnyKind, KindContext, Registry, Steps } from '../../controller/model/kind.ts';
import { compareText } from '../../controller/model/ref.ts';
import type { Step } from '../../controller/model/step.ts';
import { createRegistry } from '../../controller/kinds/index.ts';
import { tablesOf } from '../pve/tables.ts';
import type { Version } from '../pve/tables.ts';

export interface Manifest { readonly kind: string; readonly name: string; readonly spec: object }

const registries = new Map<Version, Registry>();

export function kindsOf(version: Version): Registry {
  const known = registries.get(version) ?? createRegistry(tablesOf(version));
  registries.set(version, known);
  return known;
}

export function object(kind: string, name: string, spec: object): DesiredObject {
  // The path stands in for the file, so that a test can say where a finding points.
  return { ref: { kind, name }, spec, annotations: {}, place: (path) => ({ file: path, line: 1, column: 1 }) };
}

export function desired(...manifests: readonly Manifest[]): Desired {
  const objects = manifests.map(({ kind, name, spec }) => object(kind, name, spec)).sort((a, b) => compareText(a.ref.name, b.ref.name));
  const cluster = objects.find(({ ref }) => ref.kind === 'Cluster') ?? object('Cluster', 'test', { endpoints: ['https://pve1:8006'] });
  return { cluster: cluster as DesiredObject<ClusterSpec>, objects, revision: 'dir' };
}

const NODE = { online: true, maintenance: false, memTotal: 2 ** 34, memUsed: 0, cpus: 4, guests: 0 };

export function facts(more: Partial<Facts> = {}): Facts {
  return {
    observedAt: 0, version: '9.2', clusterName: 'test', asRoot: false, quorate: true, qdevice: false,
    nodes: ['pve1', 'pve2'].map((name) => ({ ...NODE, name, address: name === 'pve1' ? '10.0.0.1' : '10.0.0.2' })),
    guests: new Map(), storages: [], storageDefs: new Map(), pools: new Map(), haResources: new Map(), haGroups: new Map(), haRules: new Map(),
    backupJobs: new Map(), options: {}, tasks: [], unread: new Map(), ...more,
  };
}

export interface Scene {
  readonly version?: Version;
  /** The object asked about, as its manifest or (when no manifest names it) as `kind` and `name`. */
  readonly kind: string;
  readonly name: string;
  readonly spec?: object;
  readonly others?: readonly Manifest[];
  readonly facts?: Partial<Facts>;
  readonly memory?: Partial<Memory>;
  readonly answers?: Readonly<Record<string, Answer>>;
}

export interface Told {
  readonly kind: AnyKind;
  readonly findings: readonly Finding[];
  readonly live: readonly Finding[];
  readonly observed: Observed;
  readonly verb: Change['verb'];
  readonly fields: readonly FieldChange[];
  readonly steps: readonly Step[];
  readonly result: Steps;
  readonly requires: readonly string[];
  readonly reads: readonly string[];
}

/** Everything that the kind says of the object. */
export function ask(scene: Scene): Told {
  const version = scene.version ?? '9.2';
  const kind = kindsOf(version).get(scene.kind);
  if (!kind) throw new Error(`no kind ${scene.kind}`);
  const wanted = desired(...(scene.spec ? [{ kind: scene.kind, name: scene.name, spec: scene.spec }] : []), ...(scene.others ?? []));
  const context: KindContext = { desired: wanted, facts: facts({ version, ...scene.facts }), mark: 'latido' };
  const own = wanted.objects.find(({ ref }) => ref.kind === scene.kind && ref.name === scene.name);
  const memory = scene.memory && { ref: { kind: scene.kind, name: scene.name }, id: scene.name, fields: [], ...scene.memory };
  const subject: Subject = { ref: { kind: scene.kind, name: scene.name }, id: scene.name, ...(own ? { desired: own } : {}), ...(memory ? { memory } : {}) };
  const unasked: Answer = { ok: false, status: 0, message: 'was not asked' };
  const observed = kind.observe(subject, context.facts, (path) => scene.answers?.[path] ?? unasked, context.mark, wanted);
  const fields = observed.state === 'present' && (own || observed.owned) ? kind.diff(subject, observed, context) : [];
  const verb = verbOf(subject, observed, fields);
  const result = kind.steps({ ref: subject.ref, verb, subject, observed, fields }, context);
  return {
    kind, observed, verb, result, fields: [...fields, ...(result.fields ?? [])], steps: result.steps,
    findings: own ? kind.findings(own, wanted) : [], live: own ? kind.liveFindings?.(own, context) ?? [] : [],
    requires: own ? kind.requires(own, wanted).map((ref) => `${ref.kind}/${ref.name}`) : [], reads: kind.reads(subject, context.facts, wanted).map((read) => read.path),
  };
}

/** The same rules as plan/changes.ts. */
function verbOf(subject: Subject, observed: Observed, fields: readonly FieldChange[]): Change['verb'] {
  if (observed.state === 'absent') return subject.desired ? 'create' : 'none';
  if (observed.state !== 'present' || (!subject.desired && !observed.owned)) return 'none';
  if (!subject.desired) return 'delete';
  return !observed.owned ? 'adopt' : fields.length > 0 ? 'update' : 'none';
}

/** `PUT /storage/x {"nodes":"pve1"}`, with `held CODE` before it when it is held. */
export function said(steps: readonly Step[]): readonly string[] {
  return steps.map(({ action, hold }) => `${hold ? `held ${hold.code} ` : ''}${action.via === 'pve' ? `${action.method} ${action.path} ${JSON.stringify(action.params)}` : 'wait'}`);
}

/** `OPTION_INVALID spec.config.path: …` without the place's line. */
export function found(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ code, place, fact, severity }) => `${severity === 'warning' ? 'warning ' : ''}${code} ${place?.file}: ${fact}`);
}
