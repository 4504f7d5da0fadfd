// In: two sides of a split brain. Out: which of them was Primary last, in words: by its role now, and by what its generations remember. Pure.
// Both were at some time: nobody else begins a generation. What differs is whether one was before they lost each other, or is still.
import type { Split } from '../../safety/generations.ts';
import type { Scene } from './scene.ts';

export function lastPrimaryText(scene: Pick<Scene, 'copies'>, { nodes, generations }: Split): string {
  const roles = nodes.map((node) => scene.copies.find((copy) => copy.node === node)?.replica);
  const now = nodes.filter((_, at) => roles[at]?.role === 'Primary');
  const fallen = nodes.filter((_, at) => roles[at]?.isUp === false && generations[at]?.isPrimary === true);
  const before = nodes.filter((_, at) => generations[at]?.wasPrimary === true);
  return `Last Primary: ${lastText(nodes, now, fallen)}${beforeText(nodes, before)}`;
}

function lastText(nodes: readonly string[], now: readonly string[], fallen: readonly string[]): string {
  const both = nodes.join(' and ');
  if (now.length === 2) return `both, ${both} still are`;
  const [one] = now;
  const [lost] = fallen.filter((node) => node !== one);
  if (one !== undefined) return `${one}, which still is; ${nodes.find((node) => node !== one) ?? ''} was since they lost each other${lost === undefined ? '' : ', until it went down'}`;
  if (fallen.length === 2) return `both, ${both} were when they went down`;
  return lost === undefined ? `both, ${both} were since they lost each other, and neither is now` : `${lost}, until it went down; ${nodes.find((node) => node !== lost) ?? ''} was since they lost each other, and is not now`;
}

function beforeText(nodes: readonly string[], before: readonly string[]): string {
  const [one] = before;
  if (one === undefined) return '';
  return before.length === nodes.length ? '; both were when they lost each other' : `; when they lost each other, ${one} alone was`;
}
