// In: a source of commits. Out: what to plan: the newest commit while it is any good, else the last good one, which is kept
// on disk. Must never let a commit that is broken, empty or gone take anything away.
import { parseFiles } from '../manifests/parse.ts';
import type { Parsed } from '../manifests/parse.ts';
import type { Desired } from '../model/desired.ts';
import type { CommitSource, Env, SourceCommit } from '../model/doors.ts';
import { Failure } from '../model/finding.ts';
import type { Finding } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import { readLastCommit, writeLastCommit } from '../status/last-commit.ts';
import type { Memory } from './memory.ts';

export interface KnownCommit { readonly id: string; readonly revision: string; readonly parsed: Parsed; readonly cluster?: string; readonly files: SourceCommit['files'] }
export interface Refused { readonly id: string; readonly revision: string; readonly since: number; readonly findings: readonly Finding[] }

export class Commits {
  good: KnownCommit | undefined;
  /** Newer than the good one, and not tried yet or refused before: what is wrong may be in the cluster and pass. */
  newest: KnownCommit | undefined;
  refused: Refused | undefined;
  /** The source itself: since when it does not answer, and why. */
  unreachable: { readonly since: number; readonly findings: readonly Finding[] } | undefined;
  /** What was in force when we started. */
  loadedId: string | undefined;
  /** The newest is not on disk yet: the disk was full. */
  #isUnsaved = false;

  constructor(private readonly env: Env, private readonly source: CommitSource, private readonly memory: Memory) {}

  async load(): Promise<void> {
    const { commit, damage } = await readLastCommit(this.env.store);
    if (commit) this.good = known(commit);
    this.loadedId = commit?.id;
    if (commit && this.memory.hadNoRecord) {
      await this.memory.tell({ type: 'state', message: 'daemon.json is missing and is begun anew' });
      this.memory.record = { ...this.memory.record, blind: true };
    }
    if (damage !== undefined) await this.memory.tell({ type: 'state', message: damage });
  }

  /** Asks the source. Never throws for what a source may say. */
  async look(): Promise<void> {
    let latest: SourceCommit;
    try {
      latest = await this.source.latest();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (this.unreachable === undefined || this.unreachable.findings[0]?.fact !== error.findings[0]?.fact) await this.memory.tell({ type: 'source', message: `the source gives no commit${this.good ? `; ${this.good.revision} stays in force` : ''}: ${error.message}` });
      this.unreachable = { since: this.unreachable?.since ?? this.env.clock.now(), findings: error.findings };
      return;
    }
    if (this.unreachable) await this.memory.tell({ type: 'source', isOver: true, message: 'the source answers again' });
    this.unreachable = undefined;
    await this.#take(latest);
  }

  async #take(latest: SourceCommit): Promise<void> {
    if (latest.id === this.newest?.id) return;
    if (latest.id === this.good?.id) {
      // Back at what is in force: whatever came in between does not matter any more.
      this.newest = undefined;
      this.refused = undefined;
      return;
    }
    for (const warning of latest.warnings ?? []) await this.memory.tell({ type: 'source', message: warning.fact, revision: latest.revision });
    this.newest = known(latest);
    if (this.newest.files.length === 0) await this.refuse(this.newest, [{ code: 'SOURCE_UNREADABLE', severity: 'error', fact: 'the commit no longer contains the folder of this cluster', fix: 'push a commit that has it; until then nothing is changed and nothing is removed' }]);
  }

  /** Best first. */
  choices(): readonly KnownCommit[] {
    const newest = this.newest && this.newest.files.length > 0 ? [this.newest] : [];
    return [...newest, ...(this.good ? [this.good] : [])];
  }

  /** Why a valid commit is still not taken, or nothing. */
  unfit(commit: KnownCommit, desired: Desired): readonly Finding[] {
    const { good } = this;
    if (good === undefined || good.id === commit.id) return [];
    const name = desired.cluster.ref.name;
    if (good.cluster !== undefined && good.cluster !== name) {
      return [{ code: 'SOURCE_UNREADABLE', severity: 'error', fact: `the commit is of the cluster ${name}, not of ${good.cluster}`, ...at(desired), fix: 'run a daemon with a state folder of its own for another cluster' }];
    }
    const isEmpty = desired.objects.every(({ ref }) => ref.kind === 'Cluster');
    const hadObjects = good.parsed.documents.some(({ value }) => isObject(value) && value['kind'] !== 'Cluster');
    return isEmpty && hadObjects ? [{ code: 'SOURCE_UNREADABLE', severity: 'error', fact: 'the commit contains nothing but its Cluster: that removes nothing', ...at(desired), fix: 'leave at least one object in it; to give everything up, stop the daemon' }] : [];
  }

  async accept(commit: KnownCommit): Promise<void> {
    const isNew = commit.id !== this.good?.id;
    if (isNew || commit === this.newest) {
      this.good = commit;
      this.newest = undefined;
      this.refused = undefined;
      this.#isUnsaved = true;
    }
    if (isNew) await this.memory.tell({ type: 'commit', revision: commit.revision, message: `${commit.revision} is in force` });
    if (this.#isUnsaved) this.#isUnsaved = !(await this.memory.guarded('commit.json', () => writeLastCommit(this.env.store, commit)));
  }

  async refuse(commit: KnownCommit, findings: readonly Finding[]): Promise<void> {
    const isOld = this.refused?.id === commit.id && this.refused.findings[0]?.fact === findings[0]?.fact;
    this.refused = { id: commit.id, revision: commit.revision, findings, since: this.refused?.id === commit.id ? this.refused.since : this.env.clock.now() };
    if (isOld) return;
    const stays = this.good && this.good.id !== commit.id ? `; ${this.good.revision} stays in force` : '';
    await this.memory.tell({ type: 'refused', revision: commit.revision, message: `${commit.revision} is not taken${stays}: ${summary(findings)}` });
  }
}

function known(commit: SourceCommit): KnownCommit {
  const parsed = parseFiles(commit.files);
  const cluster = parsed.documents.map(({ value }) => value).find((value) => isObject(value) && value['kind'] === 'Cluster');
  const metadata = isObject(cluster) ? cluster['metadata'] : undefined;
  const name = isObject(metadata) ? metadata['name'] : undefined;
  return { id: commit.id, revision: commit.revision, parsed, files: commit.files, ...(typeof name === 'string' ? { cluster: name } : {}) };
}

function at({ cluster }: Desired): Pick<Finding, 'ref' | 'place'> {
  return { ref: cluster.ref, place: cluster.place('/metadata/name') };
}

const SHOWN = 5;

export function summary(findings: readonly Finding[]): string {
  const errors = findings.filter((finding) => finding.severity === 'error');
  const shown = errors.slice(0, SHOWN).map((finding) => `${finding.code} ${finding.place ? `${finding.place.file}:${finding.place.line}:${finding.place.column} ` : ''}${finding.fact}`);
  return [...shown, ...(errors.length > SHOWN ? [`and ${errors.length - SHOWN} more`] : [])].join('; ');
}
