// ONE ROUND: a commit and the live cluster in, a plan out; then the plan applied and what it learnt remembered.
// Start reading here. Nothing is patched into what was observed: the next round reads again.
import { openJournal } from './apply/journal.ts';
import { applyPlan } from './apply/executor.ts';
import { identitiesOfMade } from './apply/made.ts';
import { settle } from './apply/settle.ts';
import type { Settled, SettleWatch } from './apply/settle.ts';
import type { Parsed } from './manifests/parse.ts';
import { askedSecrets, secretFindings, secretUses } from './manifests/secret-refs.ts';
import { validate } from './manifests/validate.ts';
import type { Change } from './model/change.ts';
import { DEFAULT_MARK } from './model/desired.ts';
import type { Desired } from './model/desired.ts';
import type { Env, OpenSecrets } from './model/doors.ts';
import type { Facts } from './model/facts.ts';
import { Failure, failure } from './model/finding.ts';
import type { Finding, Place } from './model/finding.ts';
import { isObject } from './model/json.ts';
import type { Registry } from './model/kind.ts';
import { runnableSteps } from './model/plan.ts';
import type { Plan } from './model/plan.ts';
import { refText } from './model/ref.ts';
import type { Ref } from './model/ref.ts';
import type { Hold } from './model/step.ts';
import type { ApplyResult, Progress } from './model/progress.ts';
import { PLAN_MAX_MS, readWithin } from './observe/deadline.ts';
import { inOnePartition } from './observe/one-partition.ts';
import { observe, observeFacts, observeNodes, requireSight } from './observe/observe.ts';
import { makePlan } from './plan/plan.ts';
import { memoriesBefore, nextMemories, readInventory, writeInventory } from './status/inventory.ts';
import type { Inventory } from './status/inventory.ts';

/** The kinds for a release of Proxmox (`9.2.11`), with the version of the API tables that they follow. */
export type KindsFor = (release: string) => { readonly version: string; readonly kinds: Registry; readonly note?: string };

export interface Commit { readonly parsed: Parsed; readonly revision: string }

/** Why the caller wants nothing done on an object now. */
export type HoldObject = (change: Change, desired: Desired) => Hold | undefined;

export interface Round {
  readonly commit: Commit;
  readonly desired: Desired;
  readonly version: string;
  readonly plan: Plan;
  /** What the plan was made from. */
  readonly facts: Facts;
  readonly inventory: Inventory;
  /** Of what the commit names; the values come out at the wire alone. */
  readonly secrets?: OpenSecrets;
  /** API calls that the plan took. */
  readonly calls: number;
}

/** Reads only. @throws Failure with every finding, when the commit is not valid or the cluster cannot be seen whole, or not within `maxMs` */
export async function planRound(env: Env, commit: Commit, kindsFor: KindsFor, approved?: string, hold?: HoldObject, maxMs = PLAN_MAX_MS): Promise<Round> {
  env.pve.sight?.begin(new Set());
  try {
    return await readWithin(env, maxMs, (within) => planFrom(within, commit, kindsFor, approved, hold));
  } finally {
    env.pve.sight?.end();
  }
}

async function planFrom(env: Env, commit: Commit, kindsFor: KindsFor, approved: string | undefined, hold: HoldObject | undefined): Promise<Round> {
  const before = env.pve.stats.calls;
  const { version, kinds, note } = kindsFor(await releaseOf(env));
  const { desired, findings } = validate(commit.parsed, commit.revision, kinds);
  if (!desired || findings.some((finding) => finding.severity === 'error')) throw new Failure(...findings);
  const inventory = await readInventory(env.store);
  const secrets = await openSecrets(env, commit, desired, inventory, findings);
  await requireSight(env.pve);
  const { facts, subjects, observed } = await inOnePartition(env.pve, async () => {
    const bulk = { ...await observeFacts(env, version), ...(secrets ? { secrets: secrets.versions } : {}) };
    refuseOtherCluster(inventory, bulk.clusterName, desired);
    const whole = await observeNodes(env, desired, kinds, bulk, inventory.memories);
    return { isQuorate: whole.quorate, ...await observe(env, desired, kinds, whole, inventory.memories, desired.cluster.spec.mark ?? DEFAULT_MARK) };
  });
  const warnings = [...findings, ...notes(note, inventory, desired)];
  const plan = makePlan({ desired, facts, subjects, observed, kinds, warnings, ...(approved === undefined ? {} : { approved }), ...(hold === undefined ? {} : { hold: (change: Change) => hold(change, desired) }) });
  return { commit, desired, version, plan, facts, inventory: { ...inventory, cluster: facts.clusterName }, ...(secrets ? { secrets } : {}), calls: env.pve.stats.calls - before };
}

/** Asked before the plan, which sees only whether a value is still the same. @throws Failure when one cannot be had */
async function openSecrets({ secrets }: Env, { parsed }: Commit, desired: Desired, inventory: Inventory, findings: readonly Finding[]): Promise<OpenSecrets | undefined> {
  const uses = secretUses(desired.objects);
  if (uses.length === 0 && parsed.sealed === undefined) return undefined;
  const opened = await secrets?.open(parsed.sealed ?? [], askedSecrets(uses, inventory.memories));
  const wrong = secretFindings(uses, opened);
  if (wrong.some((finding) => finding.severity === 'error')) throw new Failure(...findings, ...wrong);
  return opened;
}

/** Endpoints of the wrong cluster would show every object as missing, and another cluster's guests under our VMIDs. */
function refuseOtherCluster(inventory: Inventory, name: string, desired: Desired): void {
  if (inventory.cluster === undefined || inventory.cluster === '' || inventory.cluster === name) return;
  throw failure('CLUSTER_DIFFERENT', `the endpoints answer for the cluster '${name}', and what is remembered is of '${inventory.cluster}'`, {
    ref: desired.cluster.ref, place: desired.cluster.place('spec.endpoints'), fix: 'correct spec.endpoints; if the cluster was renamed, remove inventory.json from the state folder',
  });
}

export interface ApplyRoundOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
  /** See ApplyOptions. */
  readonly mayAct?: () => Promise<string | undefined>;
}

/** Does the round's plan, exactly; the journal is durable before each effect. */
export async function applyRound(env: Env, round: Round, options: ApplyRoundOptions = {}): Promise<ApplyResult> {
  const journal = await openJournal(env.store);
  if (runnableSteps(round.plan).length > 0) await writeInventory(env.store, memoriesBefore(round.inventory.memories, round.plan), round.inventory.cluster);
  const result = await applyPlan(round.plan, { env: round.secrets ? withValues(env, round.secrets) : env, journal, version: round.version, placeOf: placesOf(round.desired), ...options });
  const made = await identitiesOfMade(env, round.version, round.plan, result);
  await writeInventory(env.store, nextMemories(round.inventory.memories, round.plan, result, made), round.inventory.cluster);
  return result;
}

function withValues(env: Env, secrets: OpenSecrets): Env {
  return { ...env, pve: secrets.wire(env.pve), ...(env.ssh ? { ssh: secrets.commands(env.ssh) } : {}) };
}

/** Proxmox names a parameter (`net0`); a manifest wrote it below `config`, or as a field of its own. */
function placesOf(desired: Desired): (ref: Ref, param: string) => Place | undefined {
  const objects = new Map(desired.objects.map((object) => [refText(object.ref), object]));
  return (ref, param) => objects.get(refText(ref))?.place(`spec.config.${param}`);
}

/** After a kill: waits for what was under way, so that the next plan sees a world at rest. */
export async function settleRound(env: Env, kindsFor: KindsFor, watch: SettleWatch = {}): Promise<readonly Settled[]> {
  const journal = await openJournal(env.store);
  return journal.open.length === 0 ? [] : settle(env, journal, kindsFor(await releaseOf(env)).version, watch);
}

/** Plans again and refuses when it is not the plan that a person approved. */
export async function planApproved(env: Env, commit: Commit, kindsFor: KindsFor, fingerprint: string): Promise<Round> {
  const round = await planRound(env, commit, kindsFor, fingerprint);
  if (round.plan.fingerprint === fingerprint) return round;
  throw failure('PLAN_CHANGED', `the plan is now ${round.plan.fingerprint}, not ${fingerprint}: the cluster or the commit changed`, { fix: 'plan again, read it, and approve that one' });
}

async function releaseOf(env: Env): Promise<string> {
  const answer = await env.pve.get('/version');
  if (isObject(answer) && typeof answer.version === 'string') return answer.version;
  throw failure('ENDPOINT_UNREACHABLE', 'the answer to /version is not one of Proxmox VE', { fix: 'check that spec.endpoints name Proxmox VE nodes, port 8006' });
}

function notes(note: string | undefined, inventory: Inventory, desired: Desired): readonly Finding[] {
  return [
    ...(note === undefined ? [] : [{ code: 'VERSION_UNSUPPORTED' as const, severity: 'warning' as const, fact: note, ref: desired.cluster.ref }]),
    ...(inventory.damage === undefined ? [] : [{ code: 'STATE_UNUSABLE' as const, severity: 'warning' as const, fact: `inventory.json is not used: ${inventory.damage}`, fix: 'nothing to do: it is written anew by the next apply' }]),
  ];
}
