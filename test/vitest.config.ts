import { defineConfig } from 'vitest/config';

const report = process.env['LATIDO_TEST_REPORT'];

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname, include: ['test/**/*.test.ts'], testTimeout: 120_000, maxWorkers: 2,
    // A file of tests is a module of its own anyway, and the simulator is loaded once instead of once a file.
    pool: 'threads',
    reporters: report ? ['dot', ['json', { outputFile: report }]] : ['dot'],
  },
});
