import { describe, expect, test } from 'vitest';
import { renderPlan } from '../../controller/cli/render-plan.ts';
import { change, everything, field, plan, ref, step } from './plans.ts';

const plain = (width = 80, more = {}) => ({ color: false, width, ...more });
const golden = (name: string) => `golden/${name}.txt`;
// oxlint-disable-next-line no-control-regex
const visible = (text: string) => text.replaceAll(/\u001B\[\d+m/g, '');

describe('renderPlan', () => {
  test.each([80, 140])('shows one of everything in %i columns', async (width) => {
    await expect(renderPlan(everything, plain(width))).toMatchFileSnapshot(golden(`everything-${width}`));
  });

  test('verbose shows calls, guards and whole values, and still no secret', async () => {
    const text = renderPlan(everything, plain(100, { verbose: true }));
    await expect(text).toMatchFileSnapshot(golden('everything-verbose'));
    expect(text).not.toContain('hunter2');
  });

  test.each([72, 80, 100, 140])('keeps within %i columns, the titles and paths of this plan being short', (width) => {
    for (const line of renderPlan(everything, plain(width)).split('\n')) expect(line.length, line).toBeLessThanOrEqual(width);
  });

  test('colours change nothing but the colours', () => {
    expect(visible(renderPlan(everything, { color: true, width: 80 }))).toBe(renderPlan(everything, plain()));
    expect(renderPlan(everything, { color: true, width: 80 })).toContain('\u001B[32m+\u001B[0m');
    expect(renderPlan(everything, plain())).not.toContain('\u001B');
  });

  test('an ASCII terminal gets no arrow and no ellipsis', () => {
    // oxlint-disable-next-line no-control-regex
    expect(renderPlan(everything, plain(80, { ascii: true }))).toMatch(/^[\u0000-\u007F]*$/);
  });

  test('in sync is one sentence', () => {
    expect(renderPlan(plan([]), plain())).toBe('No changes. unq is as main@sha1:7d1f0c9be2a4 asks.\n');
  });

  test('in sync keeps the notes', () => {
    const text = renderPlan(plan([change('VirtualMachine/web', '110', 'none', { notes: ['runs on pve2, where HA took it'] })]), plain());
    expect(text).toBe('No changes. unq is as main@sha1:7d1f0c9be2a4 asks.\n  VirtualMachine/web: runs on pve2, where HA took it\n');
  });

  test('nothing to change and something held is not “No changes”', () => {
    const text = renderPlan(plan([change('VirtualMachine/web', '110', 'none', { hold: { code: 'UNKNOWN', reason: 'node pve2 does not answer', approvable: false } })]), plain());
    expect(text).not.toContain('No changes');
    expect(text).toContain('! VirtualMachine/web  (110)\n    held UNKNOWN: node pve2 does not answer\n');
    expect(text).toContain('Nothing can be done now');
    expect(text).not.toContain('--approve');
  });

  test('steps are numbered over the whole plan, held ones not', () => {
    const many = Array.from({ length: 11 }, (_, at) => step(`Pool/p${at}#1`, 'create'));
    const text = renderPlan(plan(many.map((one, at) => change(`Pool/p${at}`, `p${at}`, 'create', { steps: [one] }))), plain());
    expect(text).toContain('     1. create\n');
    expect(text).toContain('    11. create\n');
    expect(text).toContain('To do these 11 steps:  latido apply');
  });

  test('only what loses data is said to be destroyed', () => {
    const header = (risk: 'none' | 'data-loss') => renderPlan(plan([change('VirtualMachine/old', '120', 'delete', { steps: [step('s', 'end it', { risk })] })]), plain()).split('\n')[4];
    expect(header('data-loss')).toBe('- VirtualMachine/old  (120)  will be destroyed');
    expect(header('none')).toBe('- VirtualMachine/old  (120)  removed');
  });

  test('the volumes of a destruction are named with their sizes', () => {
    const text = renderPlan(everything, plain(140));
    expect(text).toContain('[destroys data: disk-virtual:vm-120-disk-0 20 GiB, disk-virtual:vm-120-disk-1 100 GiB]');
  });

  test.each([
    ['escape sequences', 'a\u001B[2J\u001B]0;owned\u0007b', String.raw`a\x1b[2J\x1b]0;owned\x07b`],
    ['eight-bit control characters', 'a\u009B31mb', String.raw`a\x9b31mb`],
    ['line ends', 'a\r\nb', String.raw`a\r\nb`],
    ['reversed reading', 'a\u202Eb', String.raw`a\u{202e}b`],
  ])('%s from outside are shown, not obeyed', (_, evil, shown) => {
    const text = renderPlan(plan([change('VirtualMachine/web', '110', 'update', {
      ref: { kind: 'VirtualMachine', name: evil }, fields: [field('config.description', evil, 'x', 'live', evil)], notes: [evil], requires: [ref(`Pool/${evil}`)],
      steps: [step('s', evil, { hold: { code: 'BUSY', reason: evil, approvable: false } })],
    })], { cluster: evil, revision: evil, fingerprint: evil, warnings: [{ code: 'PVE_REFUSED', severity: 'warning', fact: evil, fix: evil }] }), plain(400));
    expect(text.split(shown).length - 1).toBeGreaterThanOrEqual(10);
    // oxlint-disable-next-line no-control-regex
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u202E]/);
  });

  test.each([
    ['cipassword', 'config.cipassword', 'hunter2'],
    ['a key in an object', 'config.net0', { password: 'hunter2' }],
    ['a key in a property string', 'options', 'server=10.0.0.1,password=hunter2'],
    ['a token value', 'registry.token', 'hunter2'],
  ])('a secret is never shown: %s', (_, path, value) => {
    for (const verbose of [true, false]) {
      const text = renderPlan(plan([change('VirtualMachine/web', '110', 'update', { fields: [field(path, undefined, value), field(path, value, 'other'), field(path, 'other', undefined)] })]), plain(200, { verbose }));
      expect(text).not.toContain('hunter2');
      expect(text).toContain('(secret)');
    }
  });

  test.each([
    ['numbers as text are quoted', 1, '1', '1 → "1"'],
    ['emptiness is quoted', 'a', '', 'a → ""'],
    ['spaces are quoted', 'a', 'a b', 'a → "a b"'],
    ['words are bare', 'on', 'off', 'on → off'],
    ['not set', undefined, ['a', 'b'], '(not set) → [a, b]'],
  ])('%s', (_, from, to, shown) => {
    expect(renderPlan(plan([change('Pool/a', 'a', 'update', { fields: [field('x', from, to)] })]), plain())).toContain(` x  ${shown}\n`);
  });

  test('of two long texts the difference is shown', () => {
    const before = `${'the same beginning '.repeat(5)}OLD${' the same end'.repeat(5)}`;
    const text = renderPlan(plan([change('Pool/a', 'a', 'update', { fields: [field('comment', before, before.replace('OLD', 'NEW'))] })]), plain());
    expect(text).toContain('OLD');
    expect(text).toContain('NEW');
  });
});

describe('a value with keys', () => {
  const shown = (from: string | Readonly<Record<string, string | number>>, to: typeof from) =>
    renderPlan(plan([change('VirtualMachine/web', '110', 'update', { fields: [field('config.net0', from, to, 'hotplug', 'noted')] })]), plain(100)).split('\n').slice(5, -5);

  test('is shown key by key, only what differs', () => {
    expect(shown({ model: 'virtio', tag: 20, mtu: 1400 }, { model: 'virtio', tag: 30, firewall: 1 })).toEqual([
      '    ~ config.net0.tag       20 → 30           hotplug', '    - config.net0.mtu       1400 → (not set)  hotplug', '    + config.net0.firewall  (not set) → 1     hotplug',
      '                        noted',
    ]);
  });

  test('so is a property string', () => {
    expect(shown('virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=20', 'virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=30')[0]).toBe('    ~ config.net0.tag  20 → 30  hotplug');
    expect(shown('local:100/a.raw,size=1G', 'local:100/b.raw,size=1G')[0]).toBe('    ~ config.net0  local:100/a.raw → local:100/b.raw  hotplug');
  });

  test('of long lists, what comes and what goes', () => {
    const before = 'backup,images,iso,rootdir,snippets,vztmpl';
    const text = renderPlan(plan([change('Storage/local', 'local', 'update', { fields: [field('config.content', before, ['images', 'rootdir', 'iso', 'vztmpl', 'snippets', 'import'])] })]), plain(72));
    expect(text).toContain('    ~ config.content  -backup +import\n');
  });

  test('a sentence with a comma is none', () => {
    expect(shown('one, two', 'one, x=2')[0]).toBe('    ~ config.net0  "one, two" → "one, x=2"  hotplug');
  });
});
