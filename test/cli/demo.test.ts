// The demo's pure parts: what its commits say, and how what happens is shown. The tour itself is run by .ci/run, as a person would.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ADDRESS, describeCluster, followingConfig, MACHINES, machinesAdded, mistaken, moved, oneMoreMachine, resolved } from '../../controller/cli/demo-commits.ts';
import type { Files } from '../../controller/cli/demo-commits.ts';
import { eventLines, isStory, labLine, pushLines, storyLines } from '../../controller/cli/demo-lines.ts';
import { isHeld, isInSyncWith, isReady, splitOf } from '../../controller/cli/demo-watch.ts';
import { validateCommit } from '../../controller/cli/manifests.ts';
import { readConfig } from '../../controller/config/read.ts';
import { parseFiles } from '../../controller/manifests/parse.ts';
import { kindsFor } from '../harness/world.ts';

const FOLDER = new URL('../../clusters/unq-lab/', import.meta.url).pathname;
const MANIFESTS: Files = Object.fromEntries(readdirSync(FOLDER).filter((name) => name.endsWith('.yaml')).map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]));
const ACCESS = { endpoints: ['https://127.0.0.1:8006'], fingerprint: Array.from({ length: 32 }, () => 'AB').join(':'), tokenFile: '/tmp/token' };
const STYLE = { color: false, width: 100 };
const AT = Date.UTC(2026, 0, 1, 12, 30, 5);

function codesOf(files: Files): readonly string[] {
  const commit = { parsed: parseFiles(Object.entries({ ...MANIFESTS, ...files }).map(([path, text]) => ({ path, text }))), revision: 'main@sha1:0' };
  return validateCommit(commit, { kindsFor, tableVersions: ['9.2'] }).findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
}

describe('the commits of the tour', () => {
  test('all but the mistaken one are valid', () => {
    expect(codesOf(describeCluster(MANIFESTS, ACCESS))).toEqual([]);
    expect(codesOf(moved(MANIFESTS))).toEqual([]);
    expect(codesOf(machinesAdded())).toEqual([]);
    expect(codesOf(oneMoreMachine())).toEqual([]);
    expect(codesOf(resolved(MANIFESTS, 'prox1-lab', { r0: '0a0a0a0a-0b0b0b0b', r1: '0c0c0c0c-0d0d0d0d' }))).toEqual([]);
    expect(codesOf(mistaken(MANIFESTS))).toEqual(['OPTION_UNKNOWN', 'OPTION_INVALID']);
  });

  test('the cluster is reached where the lab is', () => {
    const text = describeCluster(MANIFESTS, ACCESS)['cluster.yaml'];
    expect(text).toContain('endpoints: ["https://127.0.0.1:8006"]\n  tls: { fingerprint: "AB:');
    expect(text).toContain('credentials: { tokenFile: "/tmp/token" }');
  });

  test('a move changes one line; the machines are a file of their own', () => {
    const file = 'guests-prox1-lab.yaml';
    const before = MANIFESTS[file]?.split('\n') ?? [];
    const after = moved(MANIFESTS)[file]?.split('\n') ?? [];
    expect(after.filter((line, at) => line !== before[at])).toEqual(['  placement: { node: proxmox-lab }']);
    expect(Object.keys(machinesAdded())).toEqual(['aula.yaml']);
    expect(MACHINES.map(({ vmid }) => vmid)).toEqual([131, 132, 133, 134, 135, 136]);
  });
});

test('one more machine leaves the six as they are', () => {
  const [six = '', seven = ''] = [machinesAdded(), oneMoreMachine()].map((files) => files['aula.yaml']?.split('\n').slice(1).join('\n'));
  expect(seven.startsWith(six)).toBe(true);
  expect(seven.match(/^ {2}vmid: \d+$/gm)).toHaveLength(MACHINES.length + 1);
});

test('the daemons of the nodes follow the address that the manifests have', () => {
  const config = readConfig(followingConfig({ cluster: 'unq-lab', repository: '/srv/infra.git', state: '/var/lib/latido/a' }), 'pve1.yaml');
  expect(config).toEqual({ cluster: 'unq-lab', source: { repository: '/srv/infra.git' }, state: '/var/lib/latido/a', follow: { address: ADDRESS } });
  expect(MANIFESTS['virtual-ip.yaml']).toContain(`address: ${ADDRESS}/24`);
});

test('a split brain of each disk is decided in its own document', () => {
  const text = resolved(MANIFESTS, 'prox1-lab', { r0: '0a0a0a0a-0b0b0b0b', r1: '0c0c0c0c-0d0d0d0d' })['drbd.yaml'] ?? '';
  const [first, second] = text.split('---');
  expect(first).toContain('  resolveSplitBrain: { discard: prox1-lab, event: 0a0a0a0a-0b0b0b0b }\n  storage:');
  expect(second).toContain('  resolveSplitBrain: { discard: prox1-lab, event: 0c0c0c0c-0d0d0d0d }\n  storage:');
});

test('the id of a split brain is that of the resource asked for', () => {
  const held = (name: string, id: string) => ({ type: 'held', ref: { kind: 'DrbdResource', name }, message: `DrbdResource/${name} is held: SPLIT_BRAIN event ${id}: a is Primary` });
  const seen = { events: [held('r0', '0a0a0a0a-0b0b0b0b'), held('r1', '0c0c0c0c-0d0d0d0d')], status: {} };
  expect([splitOf(seen, 'r0'), splitOf(seen, 'r1'), splitOf(seen, 'r2')]).toEqual(['0a0a0a0a-0b0b0b0b', '0c0c0c0c-0d0d0d0d', undefined]);
});

describe('what is shown', () => {
  test('of a push the words of the hook, a long plan folded', () => {
    const lines = ['To /tmp/x', ...Array.from({ length: 50 }, (_, at) => `remote: line ${at}   `), ' * [new branch]      main -> main'];
    const shown = pushLines(lines, STYLE);
    expect(shown[0]).toBe('  remote: line 0');
    expect(shown).toContain('  remote:     (17 more lines of the plan)');
    expect(shown.at(-1)).toBe('   * [new branch]      main -> main');
    expect(shown).toHaveLength(35);
    expect(pushLines(lines.slice(0, 38), STYLE)).toHaveLength(37);
  });

  test('a control character of somebody else never reaches the terminal', () => {
    expect(pushLines(['remote: a\u001B[2Jb'], STYLE)).toEqual(['  remote: a\\x1b[2Jb']);
  });

  test('a step is one line, without its kind and its duration', () => {
    expect(eventLines([{ at: AT, type: 'step', ref: { kind: 'VirtualMachine', name: 'web' }, message: 'VirtualMachine/web: start it (1.2 s)' }], STYLE)).toEqual(['  12:30:05  step      web: start it']);
  });

  test('what is held for one reason is one line; another reason is another', () => {
    const held = (name: string, why: string) => ({ at: AT, type: 'held', ref: { kind: 'VirtualMachine', name }, message: `VirtualMachine/${name} is held: ${why}` });
    expect(eventLines([held('a', 'UNKNOWN off'), held('b', 'UNKNOWN off'), held('c', 'UNKNOWN off'), held('d', 'BUSY')], STYLE)).toEqual([
      '  12:30:05  held      3 objects: UNKNOWN off (a, b and 1 more)', '  12:30:05  held      VirtualMachine/d is held: BUSY',
    ]);
  });

  test('what several are no longer is said in the plural', () => {
    const released = (name: string) => ({ at: AT, type: 'released', ref: { kind: 'VirtualMachine', name }, message: `VirtualMachine/${name} is no longer held (UNKNOWN)` });
    expect(eventLines([released('a'), released('b')], STYLE)).toEqual(['  12:30:05  released  2 objects are no longer held (UNKNOWN) (a, b)']);
  });

  test('who did it is said once', () => {
    const drift = { at: AT, type: 'drift', by: 'ana@pve' };
    expect(eventLines([{ ...drift, message: 'x drifted (qmstop by ana@pve)' }, { ...drift, message: 'x drifted' }], STYLE)).toEqual(['  12:30:05  drift     x drifted (qmstop by ana@pve)', '  12:30:05  drift     x drifted [by ana@pve]']);
  });

  test('daemons and cluster in the order in which it happened, events of one kind together', () => {
    const held = (seconds: number, name: string) => ({ at: AT + seconds * 1000, type: 'held', ref: { kind: 'VirtualMachine', name }, message: `VirtualMachine/${name} is held: BUSY` });
    const lab = (seconds: number, text: string) => ({ at: AT + seconds * 1000, text: `   1.0 pve: ${text}` });
    expect(storyLines([held(1, 'a'), held(1, 'b'), held(3, 'c')], [lab(2, 'power off'), lab(0, 'power on'), lab(4, 'members: x')], STYLE)).toEqual([
      '  12:30:05  cluster   pve: power on', '  12:30:06  held      2 objects: BUSY (a, b)', '  12:30:07  cluster   pve: power off', '  12:30:08  held      VirtualMachine/c is held: BUSY', '  12:30:09  cluster   pve: members: x',
    ]);
  });

  test('of the cluster only what belongs to a lost node', () => {
    const line = "   248.2 prox1-lab: crm: node 'proxmox-lab': state changed from 'unknown' => 'fence'";
    expect([isStory(line), isStory('    70.0 pve: power off'), isStory('    70.0 pve: task qmstart 200 started')]).toEqual([true, true, false]);
    expect([isStory('    70.0 pve: keepalived cluster: MASTER'), isStory('    70.0 pve: keepalived cluster: BACKUP')]).toEqual([true, false]);
    expect(labLine({ text: line, at: AT }, STYLE)).toEqual(['  12:30:05  cluster   node proxmox-lab: state changed from unknown => fence']);
  });
});

describe('when an act is over', () => {
  const ready = (status: string) => ({ commit: { id: 'abc' }, conditions: [{ type: 'Ready', status }], objects: [{ name: 'web', conditions: [{ type: 'Ready', status: 'False' }] }] });
  const told = { type: 'in-sync', revision: 'main@sha1:abc' };

  test('the daemon told of this commit since the act began, and it is still so', () => {
    expect(isInSyncWith({ events: [told], status: ready('True') }, 'abc')).toBe(true);
    expect(isInSyncWith({ events: [], status: ready('True') }, 'abc')).toBe(false);
    expect(isInSyncWith({ events: [told], status: ready('False') }, 'abc')).toBe(false);
    expect(isInSyncWith({ events: [told], status: ready('True') }, 'def')).toBe(false);
  });

  test('a daemon that works and has nothing left to do', () => {
    const waiting = { ...ready('True'), phase: 'waiting' };
    expect(isReady({ events: [], status: waiting }, 'abc')).toBe(true);
    expect([isReady({ events: [], status: { ...waiting, phase: 'stand-by' } }, 'abc'), isReady({ events: [], status: waiting }, 'def'), isReady({ events: [], status: { ...ready('False'), phase: 'waiting' } }, 'abc')]).toEqual([false, false, false]);
  });

  test('what is held is not ready', () => {
    expect(isHeld({ events: [], status: ready('True') }, 'web')).toBe(true);
    expect(isHeld({ events: [], status: ready('True') }, 'db')).toBe(false);
  });
});
