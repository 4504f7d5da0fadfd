// In: what the daemon does, as it does it, and how things stand when Prometheus asks. Out: the text of /metrics.
// Must never have a label that grows with the cluster: kinds and codes are few, names of objects are many.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { CallReport, Observer, RoundReport, StepReport, View } from '../daemon/outlook.ts';
import { isAlive, readiness } from '../daemon/outlook.ts';
import { holdOfChange } from '../daemon/outcome.ts';
import { conditionOf } from '../status/conditions.ts';
import type { ConditionType, ObjectStatus } from '../status/conditions.ts';

/** What the process itself costs; seconds of the processor, bytes of memory. */
export interface Usage { readonly cpuSeconds: number; readonly residentBytes: number; readonly startedAtSeconds: number }

export interface Answered { readonly endpoint: string; readonly status: number }
export type HookResult = 'push' | 'elsewhere' | 'other' | 'refused';

const CONDITIONS: readonly ConditionType[] = ['Ready', 'Reconciling', 'Stalled'];
const VERBS = ['create', 'update', 'adopt', 'delete'] as const;
// A call answers in milliseconds, a refused login takes three seconds, a proxied write up to ninety.
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90];
// An idle round takes a second, one that copies disks hours.
const ROUND_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400];
const STEP_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400];

export class Metrics implements Observer {
  readonly #registry = new Registry();
  readonly #registers = [this.#registry];
  readonly #rounds = this.#counter('latido_rounds_total', 'Rounds, by how they ended: in-sync, applied, held, failed, interrupted, idle, no-commit, broken.', ['outcome']);
  readonly #roundSeconds = this.#histogram('latido_round_duration_seconds', 'How long rounds took.', [], ROUND_SECONDS);
  readonly #lastRound = this.#gauge('latido_last_round_timestamp_seconds', 'When the last round ended.');
  readonly #lastGood = this.#gauge('latido_last_success_timestamp_seconds', 'When the last round ended that saw the whole cluster and in which nothing failed; before the first one, when the daemon was started.');
  readonly #steps = this.#counter('latido_steps_total', 'Steps, by kind of their object and result: done, failed, unsettled, skipped.', ['kind', 'result']);
  readonly #stepSeconds = this.#histogram('latido_step_duration_seconds', 'How long steps took that were done.', ['kind'], STEP_SECONDS);
  readonly #calls = this.#histogram('latido_api_call_duration_seconds', 'Calls of the Proxmox API with their repetitions, by method and result: ok, refused, lost.', ['method', 'result'], CALL_SECONDS);
  readonly #exchanges = this.#counter('latido_api_exchanges_total', 'HTTP exchanges with the cluster since the daemon started.');
  readonly #bytes = this.#counter('latido_api_bytes_total', 'Bytes sent to and received from the cluster since the daemon started.');
  readonly #objects = this.#gauge('latido_objects', 'Objects of the commit in force, by kind and condition: Ready, Reconciling, Stalled, Waiting.', ['kind', 'condition']);
  readonly #held = this.#gauge('latido_held_objects', 'Objects of which something is held, by the code of the hold.', ['code']);
  readonly #drifted = this.#gauge('latido_drifted_objects', 'Objects that somebody changed by hand, by kind.', ['kind']);
  readonly #changes = this.#gauge('latido_plan_changes', 'Changes in the plan, by verb: create, update, adopt, delete.', ['verb']);
  readonly #condition = this.#gauge('latido_condition', 'The condition of the whole: 1 when it is true.', ['type']);
  readonly #leader = this.#gauge('latido_lease_held', '1: this daemon is the one that writes; 0: it stands by.');
  readonly #alive = this.#gauge('latido_alive', '1: the loop moves; as /healthz.');
  readonly #ready = this.#gauge('latido_ready', '1: rounds succeed, or it stands by in good health; as /readyz.');
  readonly #failures = this.#gauge('latido_failed_rounds_in_a_row', 'Rounds that failed as a whole, one after the other; 0 when the last one did not.');
  readonly #refusedCommit = this.#gauge('latido_commit_refused', '1: the newest commit is not taken, the last good one is in force.');
  readonly #sourceAway = this.#gauge('latido_source_unreachable', '1: the source of commits does not answer.');
  readonly #suspensions = this.#gauge('latido_suspensions', 'Suspensions in force.');
  readonly #running = this.#gauge('latido_steps_running', 'Steps under way at this moment.');
  readonly #queue = this.#gauge('latido_queue_causes', 'Reasons to look again that wait for the next round.');
  readonly #http = this.#counter('latido_http_requests_total', 'Requests to this listener, by endpoint and status.', ['endpoint', 'status']);
  readonly #hooks = this.#counter('latido_webhooks_total', 'Webhooks: push (to what is followed), elsewhere, other, refused.', ['result']);
  readonly #info = this.#gauge('latido_info', 'Always 1; version and cluster are labels.', ['version', 'cluster']);
  readonly #cpu = this.#counter('process_cpu_seconds_total', 'Seconds of the processor that the daemon took.');
  readonly #memory = this.#gauge('process_resident_memory_bytes', 'Memory of the daemon.');
  readonly #started = this.#gauge('process_start_time_seconds', 'When the daemon was started.');

  constructor(private readonly version: string, private readonly usage: () => Usage) {
    // So that the age of the last good round is never that of 1970.
    this.#lastGood.set(usage().startedAtSeconds);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Every name that /metrics has, without the endings of histograms. */
  names(): readonly string[] {
    return this.#registry.getMetricsAsArray().map(({ name }) => name).sort();
  }

  round({ outcome, durationMs, at }: RoundReport): void {
    this.#rounds.inc({ outcome });
    this.#roundSeconds.observe(durationMs / 1000);
    this.#lastRound.set(at / 1000);
    if (['in-sync', 'applied', 'held', 'idle'].includes(outcome)) this.#lastGood.set(at / 1000);
  }

  step({ kind, result, durationMs }: StepReport): void {
    this.#steps.inc({ kind, result });
    if (result === 'done') this.#stepSeconds.observe({ kind }, durationMs / 1000);
  }

  call({ method, result, durationMs }: CallReport): void {
    this.#calls.observe({ method, result }, durationMs / 1000);
  }

  answered({ endpoint, status }: Answered): void {
    this.#http.inc({ endpoint, status: String(status) });
  }

  hook(result: HookResult): void {
    this.#hooks.inc({ result });
  }

  text(view: View): Promise<string> {
    this.#showWhole(view);
    this.#showObjects(view);
    return this.#registry.metrics();
  }

  #showWhole(view: View): void {
    const { cpuSeconds, residentBytes, startedAtSeconds } = this.usage();
    for (const [gauge, value] of [
      [this.#memory, residentBytes], [this.#started, startedAtSeconds], [this.#leader, view.isLeader], [this.#alive, isAlive(view)], [this.#ready, readiness(view).ready],
      [this.#failures, view.failures], [this.#refusedCommit, view.isCommitRefused], [this.#sourceAway, view.isSourceAway], [this.#suspensions, view.suspensions],
      [this.#running, view.stepsRunning], [this.#queue, view.causesWaiting],
    ] as const) gauge.set(Number(value));
    for (const [counter, value] of [[this.#cpu, cpuSeconds], [this.#exchanges, view.traffic.calls], [this.#bytes, view.traffic.bytes]] as const) {
      // Counted elsewhere, from zero on.
      counter.reset();
      counter.inc(value);
    }
    this.#info.reset();
    this.#info.set({ version: this.version, cluster: view.cluster }, 1);
    for (const type of CONDITIONS) this.#condition.set({ type }, conditionOf(view.conditions, type)?.status === 'True' ? 1 : 0);
  }

  /** A stand-by knows them only from the time when it worked, and the one that works tells of them. */
  #showObjects({ isLeader, objects, plan, records }: View): void {
    for (const gauge of [this.#objects, this.#held, this.#drifted, this.#changes]) gauge.reset();
    if (!isLeader) return;
    for (const object of objects) this.#objects.inc({ kind: object.ref.kind, condition: conditionName(object) });
    for (const change of plan?.changes ?? []) {
      const hold = holdOfChange(change);
      if (hold) this.#held.inc({ code: hold.code });
    }
    for (const verb of VERBS) this.#changes.set({ verb }, plan?.counts[verb] ?? 0);
    for (const [name, record] of records) if (record.drift) this.#drifted.inc({ kind: name.split('/')[0] ?? '' });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: this.#registers });
  }

  #histogram<Label extends string>(name: string, help: string, labelNames: readonly Label[], buckets: number[]): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers: this.#registers });
  }
}

function conditionName({ conditions }: ObjectStatus): string {
  return CONDITIONS.find((type) => conditionOf(conditions, type)?.status === 'True') ?? 'Waiting';
}
