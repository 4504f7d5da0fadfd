import { setFlagsFromString } from 'node:v8';
import { defineConfig } from 'vitest/config';

// Tests make much that soon is nothing any more: with the default of 16 MiB a sixth of their time goes into collecting it.
setFlagsFromString('--max-semi-space-size=64');

const report = process.env['LATIDO_TEST_REPORT'];
/** Counts how often each block of our code runs, so it must be the first to load it. */
const COUNTED = 'test/bench/*.test.ts';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname, testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: 2,
    pool: 'threads',
    reporters: report ? ['dot', ['json', { outputFile: report }]] : ['dot'],
    projects: [
      { extends: true, test: { name: 'counted', include: [COUNTED] } },
      // Modules are pure or keep nothing that matters: they are loaded once a worker, not once a file of tests.
      { extends: true, test: { name: 'all others', include: ['test/**/*.test.ts'], exclude: [COUNTED], isolate: false } },
    ],
  },
});
