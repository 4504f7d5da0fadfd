// A hook starts the program again from another folder: what was named by a package's name is named by its place.
import { expect, test } from 'vitest';
import { programOf } from '../../controller/cli/init-server.ts';

const words = (...execArgv: string[]) => programOf({ execPath: '/usr/bin/node', execArgv, argv: ['node', '/src/main.ts'] }, (name) => `file:///src/node_modules/${name}/index.mjs`);

test.each([
  [['--import', 'tsx'], ['--import', 'file:///src/node_modules/tsx/index.mjs']],
  [['--import=tsx'], ['--import=file:///src/node_modules/tsx/index.mjs']],
  [['--require', 'tsx'], ['--require', '/src/node_modules/tsx/index.mjs']],
  [['--import', 'file:///x/loader.mjs', '-r', '/x/y.cjs'], ['--import', 'file:///x/loader.mjs', '-r', '/x/y.cjs']],
  [['--no-warnings', '--max-old-space-size=64'], ['--no-warnings', '--max-old-space-size=64']],
  [[], []],
])('%j', (given, expected) => {
  expect(words(...given)).toEqual(['/usr/bin/node', ...expected, '/src/main.ts']);
});
