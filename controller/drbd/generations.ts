// `drbdadm get-gi RES`: one line on 8.4, one line a peer on 9, in the order of the peers' node ids. Pure.
import type { Generation } from '../model/node-facts.ts';

const LINE = /^([0-9A-Fa-f]{16}):([0-9A-Fa-f]{16}):([0-9A-Fa-f]{16}):([0-9A-Fa-f]{16}):/;

/** @param peers names in the order of their node ids; none on 8.4 */
export function parseGenerations(text: string, peers: readonly string[]): readonly Generation[] {
  const lines = text.split('\n').flatMap((line) => {
    const found = LINE.exec(line.trim());
    return found ? [found] : [];
  });
  return lines.map(([, current = '', bitmap = '', ...history], at) => ({
    ...(peers[at] === undefined ? {} : { peer: peers[at] }), current: plain(current), bitmap: plain(bitmap), history: history.map(plain),
    ...(saysPrimary(current) ? { isPrimary: true as const } : {}), ...(saysPrimary(bitmap) ? { wasPrimary: true as const } : {}),
  }));
}

function saysPrimary(id: string): boolean {
  return Number.parseInt(id.slice(-1), 16) % 2 === 1;
}

/** Without the lowest bit, which only says that it was Primary. */
function plain(id: string): string {
  const last = Number.parseInt(id.slice(-1), 16) & ~1;
  return `${id.slice(0, -1)}${last.toString(16)}`.toUpperCase();
}
