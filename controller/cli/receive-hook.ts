// `latido receive-hook`, started by git when somebody pushes: validates the pinned branch, shows its plan, refuses what is not valid.
// What it prints the pusher reads behind `remote:`. Must never change anything, nor keep a push waiting for a cluster that is away.
import { basename, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Env, SourceCommit } from '../model/doors.ts';
import { ConnectionError, PveError } from '../model/doors.ts';
import { Failure, failure } from '../model/finding.ts';
import type { Finding } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { compareText } from '../model/ref.ts';
import { parseFiles } from '../manifests/parse.ts';
import { countFindings } from '../manifests/render-findings.ts';
import { readCommit } from '../manifests/source.ts';
import { planRound } from '../reconcile.ts';
import type { Commit } from '../reconcile.ts';
import { contains } from '../sources/branch.ts';
import { clusterFolders, meaningOf, parseUpdates, serverSettings } from '../sources/received.ts';
import type { ServerSettings, Update } from '../sources/received.ts';
import { signatureTrouble } from '../sources/signatures.ts';
import type { ExitCode, Terminal, World } from './context.ts';
import { clusterOf, validateCommit } from './manifests.ts';
import { findingsText } from './render-findings.ts';
import { renderPlan } from './render-plan.ts';
import { hanging, safe } from './terminal-text.ts';
import type { Style } from './terminal-text.ts';

/** What git tells a hook, and the way out when a plan is still under way. */
export interface Hook {
  readonly repository: string;
  input(): Promise<string>;
  /** Asks the running daemon for the text of a plan; undefined: none answers. The files go along because only the hook sees them yet. */
  readonly daemonPlan?: (cluster: string, commit: SourceCommit, style: Style) => Promise<string | undefined>;
  leave(code: ExitCode): void;
}

/** Of a command's context, what a hook takes. */
export interface HookContext { readonly terminal: Pick<Terminal, 'out'>; readonly world: Pick<World, 'clock' | 'kindsFor' | 'open' | 'tableVersions'> }

/** One cluster's part of the pushed commit. */
interface Part { readonly folder: string; readonly source: SourceCommit; readonly commit: Commit; readonly findings: readonly Finding[]; readonly isValid: boolean; readonly counts: string }

/** `remote: ` stands before each line, and many read them in a window of 80 columns. */
const STYLE: Style = { color: false, width: 72 };
/** Somebody is waiting for git push. */
const PLANS_MS = 20_000;

export function hookOf(process: NodeJS.Process): Hook {
  const dir = process.env['GIT_DIR'];
  if (dir === undefined) throw failure('USAGE', 'latido receive-hook is started by git, when somebody pushes', { fix: 'latido init --server PATH makes a repository that does; to check manifests run latido validate' });
  // Written after all that was printed before it: a pipe keeps its order.
  return { repository: resolve(dir), input: () => text(process.stdin), leave: (code) => void process.stdout.write('', () => process.exit(code)) };
}

export async function receiveHookCommand(hook: Hook, context: HookContext): Promise<ExitCode> {
  const settings = await serverSettings(hook.repository);
  const updates = parseUpdates(await hook.input());
  const say = (line: string) => context.terminal.out(`${hanging('', line, STYLE.width).join('\n')}\n`);
  let code: ExitCode = 0;
  for (const update of updates) {
    const { branch } = settings;
    const meaning = meaningOf(update, branch);
    if (meaning === 'other') say(`${safe(update.ref)}: accepted; only ${branch} is followed.`);
    else if (meaning === 'followed') code = await receive(update, settings, hook, context, say) === 1 ? 1 : code;
    else {
      say(meaning === 'deleted' ? `Refused: ${branch} is what the clusters follow, and cannot be deleted. Push another commit to it.` : `Refused: ${safe(update.ref)} would change what a commit stands for.`);
      code = 1;
    }
  }
  return code;
}

type Say = (line: string) => void;

async function receive({ before, after = '' }: Update, settings: ServerSettings, hook: Hook, context: HookContext, say: Say): Promise<ExitCode> {
  const { repository } = hook;
  const trouble = settings.signers === undefined ? undefined : await signatureTrouble(repository, after, settings.signers);
  if (trouble !== undefined) return refuse(context, [{ code: 'SIGNATURE_INVALID', severity: 'error', fact: `the commit ${after.slice(0, 12)} is not accepted: ${trouble}`, fix: 'sign it with an allowed key: git commit --amend -S' }], say);
  if (before !== undefined && !await contains(repository, after, before)) say(`Note: this rewrites history; ${after.slice(0, 12)} does not contain ${before.slice(0, 12)}.`);
  const folders = await clusterFolders(repository, after, settings.paths);
  if (folders.length === 0) return refuse(context, [{ code: 'SOURCE_UNREADABLE', severity: 'error', fact: `the commit has none of the folders ${settings.paths?.join(', ') ?? ''}`, fix: 'bring back the folder of a cluster' }], say);
  for (const gone of await foldersGone(repository, before, folders, settings)) say(`Note: the folder ${safe(gone)} is gone; nothing of its cluster is deleted because of that.`);
  const parts: Part[] = [];
  for (const folder of folders) parts.push(await partOf(repository, { before, after }, folder, settings, context));
  for (const part of parts) showPart(part, context, say);
  if (parts.some(({ isValid }) => !isValid)) {
    say('Refused: nothing was changed. Correct the commit and push again.');
    return 1;
  }
  return showPlans(parts, settings, hook, context, say);
}

function refuse({ terminal }: HookContext, findings: readonly Finding[], say: Say): 1 {
  terminal.out(findingsText(findings, STYLE));
  say('Refused: nothing was changed.');
  return 1;
}

async function foldersGone(repository: string, before: string | undefined, now: readonly string[], { paths }: ServerSettings): Promise<readonly string[]> {
  if (before === undefined) return [];
  return (await clusterFolders(repository, before, paths)).filter((folder) => folder !== '' && !now.includes(folder));
}

async function partOf(repository: string, { before, after: id }: { readonly before?: string; readonly after: string }, folder: string, { branch }: ServerSettings, { world }: HookContext): Promise<Part> {
  const revision = `${branch}@${id.length === 64 ? 'sha256' : 'sha1'}:${id}`;
  const source: SourceCommit = { id, revision, files: (await readCommit(repository, id, folder)).files };
  const commit: Commit = { revision, parsed: parseFiles(source.files) };
  const { desired, findings, version } = validateCommit(commit, world);
  const kinds = new Map<string, number>();
  for (const { ref } of desired?.objects ?? []) kinds.set(ref.kind, (kinds.get(ref.kind) ?? 0) + 1);
  const counts = [...kinds].sort(([a], [b]) => compareText(a, b)).map(([kind, count]) => `${count} ${kind}`).join(', ');
  const emptied = desired?.objects.every(({ ref }) => ref.kind === 'Cluster') === true && before !== undefined && await hadObjects(repository, before, folder);
  if (emptied) return { folder, source, commit, findings: [...findings, EMPTIED], isValid: false, counts: '' };
  return { folder, source, commit, findings, isValid: desired !== undefined, counts: `${counts}; checked against Proxmox VE ${version}` };
}

/** The daemon would not take it either (daemon/commits.ts): most likely it is a mistake, and the pusher is still there to hear of it. */
const EMPTIED: Finding = { code: 'SOURCE_UNREADABLE', severity: 'error', fact: 'the commit contains nothing but its Cluster: that removes nothing, and the daemon would not take it', fix: 'leave at least one object in it; to give everything up, stop the daemon' };

async function hadObjects(repository: string, before: string, folder: string): Promise<boolean> {
  const { files } = await readCommit(repository, before, folder).catch((error: unknown) => {
    // What was not there, or could not be read, had no objects that could be missed.
    if (error instanceof Failure) return { files: [] };
    throw error;
  });
  return parseFiles(files).documents.some(({ value }) => isObject(value) && typeof value['kind'] === 'string' && value['kind'] !== 'Cluster');
}

function showPart({ folder, findings, isValid, counts }: Part, { terminal }: HookContext, say: Say): void {
  terminal.out(findingsText(findings, STYLE));
  const name = folder === '' ? 'The commit' : safe(folder);
  say(isValid ? `${name} is valid: ${counts}.` : `${name} is not valid: ${countFindings(findings)}.`);
}

/** All at once, because the one who pushes waits; shown in order. A cluster that does not answer is no reason to refuse. */
async function showPlans(parts: readonly Part[], settings: ServerSettings, hook: Hook, context: HookContext, say: Say): Promise<ExitCode> {
  const done = new AbortController();
  const late = context.world.clock.sleep(PLANS_MS, done.signal).then(() => 'late' as const, () => 'late' as const);
  const plans = parts.map((part) => planOf(part, settings, hook, context).catch((error: unknown) => error));
  let code: ExitCode = 0;
  let left = false;
  for (const [i, part] of parts.entries()) {
    const plan = await Promise.race([plans[i], late]);
    const name = part.folder === '' ? 'the cluster' : safe(basename(part.folder));
    if (plan === 'late') {
      say(`No plan for ${name}: it took longer than ${PLANS_MS / 1000} s. The commit is accepted; latido status tells how it goes on.`);
      left = true;
    } else if (plan instanceof Plan) context.terminal.out(`\n${plan.text}`);
    else code = whyNoPlan(plan, name, context, say) === 1 ? 1 : code;
  }
  done.abort();
  if (left) hook.leave(code);
  return code;
}

class Plan {
  constructor(readonly text: string) {}
}

async function planOf({ folder, source, commit }: Part, { stateDir }: ServerSettings, hook: Hook, { world }: HookContext): Promise<Plan> {
  const cluster = clusterOf(commit, world);
  const told = await hook.daemonPlan?.(folder === '' ? cluster.ref.name : basename(folder), source, STYLE);
  if (told !== undefined) return new Plan(told);
  const { env, close } = await world.open(cluster, stateDir === undefined ? {} : { stateDir });
  try {
    const { plan } = await planRound(env, commit, world.kindsFor);
    return new Plan(renderPlan(plan, STYLE, null));
  } catch (error) {
    throw await withoutSecrets(error, env);
  } finally {
    await close();
  }
}

/** Who pushes often cannot read the secrets that the daemon reads: that says nothing about the commit. */
async function withoutSecrets(error: unknown, { secrets }: Env): Promise<unknown> {
  const isOnlySecrets = error instanceof Failure && error.findings.every(({ code, severity }) => severity !== 'error' || code === 'SECRET_MISSING');
  const isBlind = secrets === undefined || (await secrets.open([], new Map())).isBlind;
  return isOnlySecrets && isBlind ? new Failure(...error.findings.map((finding) => ({ ...finding, severity: 'warning' as const }))) : error;
}

/** The version that the cluster really runs may refuse what the one in the manifest does not: that is an invalid commit. */
function whyNoPlan(error: unknown, name: string, { terminal }: HookContext, say: Say): ExitCode {
  const findings = error instanceof Failure ? error.findings : undefined;
  if (findings?.some(({ severity, place }) => severity === 'error' && place !== undefined) === true) {
    terminal.out(findingsText(findings, STYLE));
    say(`Refused: not valid for the version that ${name} runs. Nothing was changed.`);
    return 1;
  }
  if (findings === undefined && !(error instanceof ConnectionError) && !(error instanceof PveError)) throw error;
  say(`No plan for ${name}, and the commit is accepted all the same:`);
  terminal.out(findingsText(findings ?? [{ code: error instanceof PveError ? 'PVE_REFUSED' : 'ENDPOINT_UNREACHABLE', severity: 'warning', fact: error instanceof Error ? error.message : String(error) }], STYLE));
  return 0;
}
