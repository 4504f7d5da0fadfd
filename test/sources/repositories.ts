// Real repositories in a temporary folder, driven by the real git as a person would; nothing of the machine's own configuration counts.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../controller/model/doors.ts';

export type Files = Readonly<Record<string, string>>;

export const CLUSTER = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: one }\nspec: { endpoints: ["https://pve1:8006"], version: "9.1" }\n';

export interface Place {
  readonly dir: string;
  path(...names: readonly string[]): string;
  /** Standard output of git in a folder of the place. @throws when it fails */
  git(folder: string, ...args: readonly string[]): string;
  /** As `git`, for what may be refused. */
  tryGit(folder: string, ...args: readonly string[]): { readonly code: number; readonly text: string };
  /** A work tree `name` on branch main. */
  workTree(name: string): void;
  /** Writes, commits, answers the id. @param args more for `git commit` */
  commit(folder: string, files: Files, ...args: readonly string[]): string;
  bare(name: string): string;
  remove(): void;
}

export function makePlace(environment: Readonly<Record<string, string>> = {}): Place {
  const dir = mkdtempSync(join(tmpdir(), 'latido-sources-'));
  const identity = { GIT_AUTHOR_NAME: 'ana', GIT_AUTHOR_EMAIL: 'ana@example.org', GIT_COMMITTER_NAME: 'ana', GIT_COMMITTER_EMAIL: 'ana@example.org' };
  const env = { PATH: process.env['PATH'], HOME: dir, LC_ALL: 'C', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', ...identity, ...environment };
  const path = (...names: readonly string[]): string => join(dir, ...names);
  const git: Place['git'] = (folder, ...args) => execFileSync('git', [...args], { cwd: path(folder), encoding: 'utf8', stdio: 'pipe', env }).trim();
  return {
    dir, path, git,
    tryGit(folder, ...args) {
      const { status, stdout, stderr } = spawnSync('git', [...args], { cwd: path(folder), encoding: 'utf8', env });
      return { code: status ?? -1, text: stdout + stderr };
    },
    workTree(name) {
      mkdirSync(path(name), { recursive: true });
      git(name, 'init', '-q', '-b', 'main');
    },
    commit(folder, files, ...args) {
      for (const [file, text] of Object.entries(files)) {
        mkdirSync(dirname(path(folder, file)), { recursive: true });
        writeFileSync(path(folder, file), text);
      }
      git(folder, 'add', '-A');
      git(folder, 'commit', '-q', '--allow-empty', '-m', 'change', ...args);
      return git(folder, 'rev-parse', 'HEAD');
    },
    bare(name) {
      mkdirSync(path(name), { recursive: true });
      git(name, 'init', '-q', '--bare', '-b', 'main');
      return path(name);
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Time that passes only when the test says so. */
export interface HandClock extends Clock {
  /** Who sleeps now, in milliseconds, shortest first. */
  asleep(): readonly number[];
  /** Wakes those that sleep at most so long. */
  pass(ms: number): void;
  /** Resolves when somebody sleeps for at most so long. */
  waits(ms: number): Promise<void>;
}

export function handClock(): HandClock {
  let now = 0;
  const sleepers = new Set<{ readonly ms: number; readonly at: number; readonly wake: () => void }>();
  const watchers = new Set<() => void>();
  return {
    now: () => now,
    sleep: (ms, signal) => new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const sleeper = { ms, at: now + ms, wake: resolve };
      signal?.addEventListener('abort', () => {
        sleepers.delete(sleeper);
        reject(signal.reason as Error);
      }, { once: true });
      sleepers.add(sleeper);
      for (const told of watchers) told();
    }),
    asleep: () => [...sleepers].map(({ ms }) => ms).sort((a, b) => a - b),
    pass(ms) {
      now += ms;
      for (const sleeper of sleepers) {
        if (sleeper.at > now) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
    waits: (ms) => new Promise((resolve) => {
      const look = () => {
        if (![...sleepers].some((sleeper) => sleeper.ms <= ms)) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    }),
  };
}

/** A promise for the next call of `call`. */
export function nextCall(): { readonly call: () => void; next(): Promise<void>; readonly calls: () => number } {
  let calls = 0;
  let seen = 0;
  let wake: (() => void) | undefined;
  return {
    call() {
      calls++;
      wake?.();
    },
    async next() {
      if (calls === seen) await new Promise<void>((resolve) => { wake = resolve; });
      seen = calls;
    },
    calls: () => calls,
  };
}
