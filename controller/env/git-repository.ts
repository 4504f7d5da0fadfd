// In: a folder that does not exist yet, files, messages. Out: a Git repository with these commits. Uses the real git.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { simpleGit } from 'simple-git';

export interface Repository {
  readonly folder: string;
  read(file: string): Promise<string>;
  /** Writes the files and commits them; answers the commit's short id. */
  commit(message: string, files: Readonly<Record<string, string>>): Promise<string>;
}

export async function createRepository(folder: string): Promise<Repository> {
  await mkdir(folder, { recursive: true });
  const git = simpleGit(folder);
  await git.init(['--initial-branch=main']);
  // Of this repository alone: whoever runs it need not have told git a name.
  await git.addConfig('user.name', 'latido').addConfig('user.email', 'latido@localhost').addConfig('commit.gpgsign', 'false');
  return {
    folder,
    read: (file) => readFile(join(folder, file), 'utf8'),
    commit: async (message, files) => {
      for (const [file, text] of Object.entries(files)) {
        await mkdir(dirname(join(folder, file)), { recursive: true });
        await writeFile(join(folder, file), text);
      }
      await git.add(Object.keys(files));
      return (await git.commit(message)).commit;
    },
  };
}
