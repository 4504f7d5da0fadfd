// In: a folder that does not exist yet, where it pushes to, files, messages. Out: a Git repository with these commits. Uses the real git.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { simpleGit } from 'simple-git';

export interface Push {
  readonly accepted: boolean;
  /** What git says of it, with the hook's words behind `remote:`. */
  readonly lines: readonly string[];
}

export interface Repository {
  readonly folder: string;
  read(file: string): Promise<string>;
  /** Writes the files and commits them; answers the commit's id. */
  commit(message: string, files: Readonly<Record<string, string>>): Promise<string>;
  /** `git push` as a person types it. */
  push(): Promise<Push>;
  /** Back to what the other side has. */
  undo(): Promise<void>;
}

const BRANCH = 'main';
const REMOTE = 'master';

/** @param environment more of it, for the hooks of the other side */
export async function createRepository(folder: string, remote: string, environment: Readonly<Record<string, string>> = {}): Promise<Repository> {
  await mkdir(folder, { recursive: true });
  const git = simpleGit(folder);
  await git.init([`--initial-branch=${BRANCH}`]);
  // Of this repository alone: whoever runs it need not have told git a name.
  await git.addConfig('user.name', 'latido').addConfig('user.email', 'latido@localhost').addConfig('commit.gpgsign', 'false');
  await git.addRemote(REMOTE, remote);
  return {
    folder,
    read: (file) => readFile(join(folder, file), 'utf8'),
    commit: async (message, files) => {
      for (const [file, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, file)), { recursive: true });
        await writeFile(join(folder, file), text);
      }
      await git.add(Object.keys(files));
      await git.commit(message);
      return (await git.revparse(['HEAD'])).trim();
    },
    push: async () => {
      const { exitCode, stderr } = await execa('git', ['push', '--no-progress', REMOTE, BRANCH], { cwd: folder, reject: false, stdin: 'ignore', env: { ...environment, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' } });
      return { accepted: exitCode === 0, lines: stderr.split('\n').map((line) => line.trimEnd()) };
    },
    undo: async () => void await git.reset(['--hard', `${REMOTE}/${BRANCH}`]),
  };
}

/** What a person would write with `git config`. */
export async function configure(repository: string, key: string, value: string): Promise<void> {
  await simpleGit(repository).addConfig(key, value);
}
