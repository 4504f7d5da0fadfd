import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseLive } from '../../controller/sim/live-file.ts';

test('sizes are written as people write them', () => {
  expect(parseLive('nodes: [{ name: pve1, memory: 32G, thinPools: [pve/data] }]\nstorages: [{ id: fast, capacity: 20G, volumes: [{ name: iso/x.iso, size: 1M }] }]\ndisks: { tank: 1T }', 'live.yaml')).toEqual({
    nodes: [{ name: 'pve1', memoryBytes: 32 * 2 ** 30, thinPools: ['pve/data'] }],
    storages: [{ id: 'fast', capacityBytes: 20 * 2 ** 30, volumes: [{ name: 'iso/x.iso', sizeBytes: 2 ** 20 }] }],
    disks: { tank: 2 ** 40 },
  });
});

test.each([
  ['a key that nobody knows', 'nodes: [{ name: pve1, memry: 32G }]', "nodes[0] has no 'memry'"],
  ['a size that is none', 'nodes: [{ name: pve1, memory: much }]', 'nodes[0].memory is not a size'],
  ['a mapping for a list', 'guests: { vmid: 100 }', 'guests is not a list'],
  ['no mapping at all', 'nodes', 'the file is not a mapping'],
  ['no YAML', '{', 'is not YAML'],
])('%s is refused', (_, text, sentence) => {
  expect(() => parseLive(text, 'live.yaml')).toThrow(sentence);
});

test('the shape that the examples document is one that is read', () => {
  const text = readFileSync(new URL('../../examples/README.md', import.meta.url), 'utf8');
  const shape = /## live\.yaml[\s\S]*?```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  expect(parseLive(shape, 'README.md').guests).toHaveLength(1);
});
