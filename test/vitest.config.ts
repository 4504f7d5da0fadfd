import { defineConfig } from 'vitest/config';
export default defineConfig({ test: { root: new URL('..', import.meta.url).pathname, include: ['test/**/*.test.ts'], testTimeout: 120_000, pool: 'threads', maxWorkers: 2, reporters: ['dot'] } });
