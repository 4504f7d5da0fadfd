// In: what the daemon is doing and how things stand. Out: one picture of it, for the command line and `status.json`.
import type { Desired } from '../model/desired.ts';
import type { Finding } from '../model/finding.ts';
import type { JsonObject } from '../model/json.ts';
import type { Plan } from '../model/plan.ts';
import type { ApplyResult } from '../model/progress.ts';
import { compareText, refText } from '../model/ref.ts';
import { conditionOf, conditionsOf } from '../status/conditions.ts';
import type { ObjectStatus, Standing, StatusCondition } from '../status/conditions.ts';
import type { Records } from '../status/record.ts';
import type { Suspension } from '../status/suspensions.ts';
import type { Commits } from './commits.ts';
import { summary } from './commits.ts';
import { standingsOf } from './outcome.ts';

export const STATUS_FORMAT = 'latido.status/v1';
export type Phase = 'starting' | 'stand-by' | 'working' | 'waiting' | 'stopping';

export class Board {
  phase: Phase = 'starting';
  /** Why we stand by: who has the lease, or where the address is not that we follow. */
  standingBy: string | undefined;
  cluster = '';
  plan: Plan | undefined;
  objects: readonly ObjectStatus[] = [];
  whole: readonly StatusCondition[] = [];
  /** Why the cluster cannot be worked on at all. */
  trouble: { readonly since: number; readonly times: number; readonly message: string } | undefined;
  checkedAt: number | undefined;
  nextAt: number | undefined;
  readonly running = new Map<string, string>();

  /** After a plan, and again after its apply, with what came of it. */
  show(plan: Plan, desired: Desired, records: Records, now: number, result?: ApplyResult): void {
    const before = new Map(this.objects.map((object) => [refText(object.ref), object]));
    this.cluster = desired.cluster.ref.name;
    this.plan = plan;
    this.checkedAt = now;
    this.objects = [...standingsOf(plan, desired, records, result)].sort(([a], [b]) => compareText(a, b)).map(([name, { ref, id, standing }]) => ({ ref, id, conditions: conditionsOf(standing, plan.revision, now, before.get(name)?.conditions) }));
  }

  /** The whole follows from everything else. */
  conclude(commits: Commits, now: number): void {
    this.whole = conditionsOf(this.#standing(commits), commits.good?.revision ?? '', now, this.whole);
  }

  #standing(commits: Commits): Standing {
    const { refused, unreachable, good } = commits;
    if (this.standingBy !== undefined) return { is: 'waiting', reason: 'StandBy', message: this.standingBy };
    if (this.trouble) return { is: 'waiting', reason: 'ClusterTrouble', message: this.trouble.message };
    if (refused) return { is: 'stalled', reason: good ? 'CommitRefused' : 'NoGoodCommit', message: `${refused.revision} is not taken: ${summary(refused.findings)}` };
    if (!good) return { is: 'waiting', reason: 'NoCommit', message: unreachable ? summary(unreachable.findings) : 'no commit has been read yet' };
    // What is known of the objects is of the commit before.
    if (this.plan !== undefined && this.plan.revision !== good.revision) return { is: 'working', reason: 'Progressing', message: `${good.revision} is in force and is planned` };
    const counts = this.#counts();
    if (counts.stalled > 0) return { is: 'stalled', reason: 'ObjectsStalled', message: `${counts.stalled} of ${this.objects.length} objects need a person` };
    if (counts.working > 0) return { is: 'working', reason: 'Progressing', message: `${counts.working} of ${this.objects.length} objects are being changed` };
    if (counts.waiting > 0) return { is: 'waiting', reason: 'ObjectsHeld', message: `${counts.waiting} of ${this.objects.length} objects are held or differ` };
    if (unreachable) return { is: 'waiting', reason: 'SourceUnreachable', message: summary(unreachable.findings) };
    return { is: 'ready', reason: 'InSync', message: 'the cluster is as the commit asks' };
  }

  #counts() {
    const is = (type: StatusCondition['type']) => this.objects.filter((object) => conditionOf(object.conditions, type)?.status === 'True').length;
    const [ready, working, stalled] = [is('Ready'), is('Reconciling'), is('Stalled')];
    return { ready, working, stalled, waiting: this.objects.length - ready - working - stalled };
  }

  /** Without moments that change with every look, so that an idle daemon writes nothing. */
  toJson(commits: Commits, suspensions: readonly Suspension[]): JsonObject {
    const { good, refused, unreachable } = commits;
    return {
      format: STATUS_FORMAT, cluster: this.cluster, phase: this.phase,
      ...(good ? { commit: { id: good.id, revision: good.revision } } : {}),
      ...(refused ? { refused: { id: refused.id, revision: refused.revision, since: refused.since, findings: refused.findings.map(findingJson) } } : {}),
      ...(unreachable ? { sourceUnreachable: { since: unreachable.since, message: summary(unreachable.findings) } } : {}),
      conditions: this.whole.map((each) => ({ ...each })),
      ...(this.plan ? { plan: { fingerprint: this.plan.fingerprint, revision: this.plan.revision, counts: { ...this.plan.counts } } } : {}),
      suspensions: suspensions.map((each) => ({ ...each })),
      objects: this.objects.map((object) => ({ kind: object.ref.kind, name: object.ref.name, id: object.id, conditions: object.conditions.map((each) => ({ ...each })) })),
    };
  }

  /** What only a running daemon knows. */
  live(): JsonObject {
    return { ...(this.checkedAt === undefined ? {} : { checkedAt: this.checkedAt }), ...(this.nextAt === undefined ? {} : { nextAt: this.nextAt }), running: [...this.running.values()] };
  }
}

function findingJson({ code, fact, fix, place }: Finding): JsonObject {
  return { code, fact, ...(fix === undefined ? {} : { fix }), ...(place ? { place: { file: place.file, line: place.line, column: place.column } } : {}) };
}
