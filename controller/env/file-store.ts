// In: names and texts. Out: small files below one folder that survive a crash at any instruction.
// Must never leave its folder, nor leave a half-written file behind under its name.
//
// Readers of appended files: a crash in the middle of an append leaves a last line without its end. The next append
// starts on a new line, so a torn line stays where it is; whoever reads such a file drops lines that do not parse.
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../model/doors.ts';
import { failure, type Failure } from '../model/finding.ts';
import { checkedLine, checkedName } from './store-names.ts';

/** The journal of years; more than that is not ours. */
const READ_BYTES_MAX = 64 * 1024 * 1024;

/** @param dir made when it is missing, for its owner alone */
export function createFileStore(dir: string): Store {
  return new FileStore(dir);
}

class FileStore implements Store {
  readonly #dir: string;
  #ready: Promise<void> | undefined;
  /** Writes one after the other: two appends must not mend the same torn line. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(dir: string) {
    this.#dir = dir;
  }

  async read(name: string): Promise<string | undefined> {
    const path = this.#path(name);
    await this.#last.catch(() => undefined);
    return this.#told(`read ${path}`, async () => {
      const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      return file && closing(file, readLimited);
    });
  }

  write(name: string, text: string): Promise<void> {
    const path = this.#path(name);
    // One process writes at a time; its number keeps a second one that should not be there from mixing into the file.
    const temporary = join(this.#dir, `.${name}.${process.pid}.tmp`);
    return this.#inTurn(`write ${path}`, async () => {
      try {
        await closing(await open(temporary, 'w', 0o600), async (file) => {
          await file.writeFile(text, 'utf8');
          await file.sync();
        });
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await this.#syncFolder();
    });
  }

  append(name: string, line: string): Promise<void> {
    const path = this.#path(name);
    const text = `${checkedLine(line)}\n`;
    return this.#inTurn(`append to ${path}`, async () => {
      const isNew = await closing(await open(path, 'a+', 0o600), async (file) => {
        const { size } = await file.stat();
        await file.writeFile(size > 0 && !(await endsLine(file, size)) ? `\n${text}` : text, 'utf8');
        await file.sync();
        return size === 0;
      });
      if (isNew) await this.#syncFolder();
    });
  }

  #path(name: string): string {
    return join(this.#dir, checkedName(name));
  }

  #inTurn(what: string, work: () => Promise<void>): Promise<void> {
    const mine = this.#last.catch(() => undefined).then(() => this.#told(what, async () => {
      await this.#folder();
      await work();
    }));
    this.#last = mine;
    return mine;
  }

  #folder(): Promise<void> {
    this.#ready ??= prepareFolder(this.#dir).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #syncFolder(): Promise<void> {
    await closing(await open(this.#dir, 'r'), (folder) => folder.sync());
  }

  async #told<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (typeof code !== 'string') throw error;
      throw failure('STATE_UNUSABLE', `could not ${what}: ${code}`, { fix: fixOf(code) });
    }
  }
}

async function prepareFolder(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const { mode } = await stat(dir);
  // Others could plant or swap files of ours; that they may read the folder does no harm, the files are our own.
  if ((mode & 0o022) !== 0) throw unusable(dir, 'others may write into it');
}

function unusable(dir: string, why: string): Failure {
  return failure('STATE_UNUSABLE', `the state folder ${dir} cannot be used: ${why}`, { fix: `chmod 700 ${dir}` });
}

async function readLimited(file: FileHandle): Promise<string> {
  const { size } = await file.stat();
  if (size > READ_BYTES_MAX) throw failure('STATE_UNUSABLE', `a state file has ${size} bytes, more than ${READ_BYTES_MAX}`, { fix: 'move it away; what it remembers is a help, not a truth' });
  return file.readFile('utf8');
}

async function endsLine(file: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}

async function closing<T>(file: FileHandle, work: (file: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

function fixOf(code: string): string {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'make room on that file system';
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'choose another folder with --state, or let this user write there';
  return 'choose another folder with --state';
}
