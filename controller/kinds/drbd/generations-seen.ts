import type { Facts } from '../../model/facts.ts';
import { generationsText } from '../../safety/generations.ts';

/** For the guard that refuses a decision once the facts have changed. */
export function sameGenerations({ storageNodes }: Facts, resource: string, nodes: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(nodes.map((node) => [node, generationsText(storageNodes?.get(node), resource)]));
}
