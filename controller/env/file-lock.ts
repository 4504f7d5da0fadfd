// The one writer among the processes of this machine.
// In: a folder that all of them see. Out: a lease that goes with its process.
// Each writes a claim of its own and then looks for others: of two that claim at once each sees the other, and neither has it. The
// claims of processes that are gone are removed; nobody ever touches a living one's, so that no race can take it away.
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../model/finding.ts';
import type { Lease } from '../model/doors.ts';

/** A process for ever: pids are used again, pids with a start time within one boot are not. */
export interface ProcessId { readonly pid: number; readonly startedAt: string; readonly boot: string }

export interface Processes {
  readonly self: ProcessId;
  isAlive(id: ProcessId): boolean;
}

const CLAIM = /^(\d+)-([^-]+)-([^-]+)\.claim$/;

/** @param folder exists for the lock alone, and is the same for all who compete */
export function createFileLock(folder: string, processes: Processes = thisMachine()): Lease {
  const mine = `${processes.self.pid}-${processes.self.startedAt}-${processes.self.boot}.claim`;
  let isHeld = false;

  const others = async (): Promise<readonly ProcessId[]> => {
    const living: ProcessId[] = [];
    for (const name of await readdir(folder)) {
      const [, pid, startedAt, boot] = CLAIM.exec(name) ?? [];
      if (pid === undefined || startedAt === undefined || boot === undefined || name === mine) continue;
      const id = { pid: Number(pid), startedAt, boot };
      if (processes.isAlive(id)) living.push(id);
      else await rm(join(folder, name), { force: true });
    }
    return living;
  };
  const isThere = () => stat(join(folder, mine)).then(() => true, () => false);
  const withdraw = async () => {
    isHeld = false;
    await rm(join(folder, mine), { force: true });
  };

  return {
    acquire: async () => {
      if (isHeld && (await isThere())) return { held: true };
      isHeld = false;
      await claim(folder, mine);
      const [other] = await others();
      if (other === undefined) {
        isHeld = true;
        return { held: true };
      }
      await withdraw();
      return { held: false, by: `process ${other.pid} of this machine` };
    },
    // A claim that a person removed is no longer seen by others, so it protects nobody.
    renew: async () => (isHeld &&= await isThere()),
    release: withdraw,
  };
}

/** The living that claim the folder; nothing is changed. */
export async function claimants(folder: string, processes: Processes = thisMachine()): Promise<readonly number[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => {
    const [, pid, startedAt, boot] = CLAIM.exec(name) ?? [];
    return pid !== undefined && startedAt !== undefined && boot !== undefined && processes.isAlive({ pid: Number(pid), startedAt, boot }) ? [Number(pid)] : [];
  });
}

async function claim(folder: string, name: string): Promise<void> {
  const unusable = (error: unknown) => {
    throw failure('STATE_UNUSABLE', `the lock folder ${folder} cannot be written: ${codeOf(error)}`, { fix: 'give the user that runs latido this folder' });
  };
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(unusable);
  // The name is ours alone; it is there already when an attempt of ours was cut short.
  const file = await open(join(folder, name), 'wx', 0o600).catch((error: unknown) => (codeOf(error) === 'EEXIST' ? undefined : unusable(error)));
  await file?.close();
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** What Linux tells of processes in /proc; elsewhere only whether there is one with this pid. */
export function thisMachine(): Processes {
  const boot = (readText('/proc/sys/kernel/random/boot_id') ?? 'unknown').trim().replaceAll('-', '');
  const self = { pid: process.pid, startedAt: startOf(process.pid) ?? 'unknown', boot };
  return {
    self,
    isAlive: (id) => {
      if (id.boot !== boot) return false;
      return boot === 'unknown' ? hasPid(id.pid) : startOf(id.pid) === id.startedAt;
    },
  };
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot; the name in field 2 may hold anything, so it is counted from behind it. */
function startOf(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/stat`);
  const [state, ...rest] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  // A zombie does nothing any more.
  return state === 'Z' || state === 'X' ? undefined : rest[18];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function hasPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
