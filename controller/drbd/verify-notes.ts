// What READ_VERIFIES prints: the notes of comparisons, and what the kernel said of those whose end nobody noted.
// In: its text. Out: a fact for each resource. Pure. 8.4 says `block drbd0: Online verify done (…)`, 9 `drbd r0/0 drbd0 n3: Online verify done (…)`.
// Must never take a comparison that was broken off for one that came to its end.
import type { VerifyFact } from '../model/node-facts.ts';

/** @param minorOf the device of a resource on this node; of one without the kernel's words say nothing */
export function parseVerifies(text: string, minorOf: (resource: string) => number | undefined): ReadonlyMap<string, VerifyFact> {
  const lines = text.split('\n');
  const notes = new Map<string, string[]>();
  let own: string[] | undefined;
  for (const line of lines) {
    const name = /^verify (\S+)$/.exec(line)?.[1];
    if (name !== undefined) notes.set(name, own = []);
    else if (/^(?:due|begun|ended|found) /.test(line)) own?.push(line);
  }
  const last = lastWords(lines);
  return new Map([...notes].flatMap(([name, note]) => {
    const fact = factOf(note, last.get(minorOf(name) ?? -1));
    return fact ? [[name, fact] as const] : [];
  }));
}

function factOf(note: readonly string[], said: ReadonlyMap<string, Said> | undefined): VerifyFact | undefined {
  const seconds = (word: string) => Number(note.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? Number.NaN);
  const [due, begun, ended] = [seconds('due'), seconds('begun'), seconds('ended')];
  if (Number.isNaN(due) || Number.isNaN(begun)) return undefined;
  const times = { dueMs: due * 1000, begunMs: begun * 1000 };
  if (!Number.isNaN(ended)) return { ...times, endedMs: ended * 1000, found: foundIn(note) };
  const isDone = said !== undefined && [...said.values()].every((one) => one.isDone);
  return isDone ? { ...times, found: new Map([...said].map(([peer, { bytes }]) => [peer, bytes])) } : times;
}

function foundIn(note: readonly string[]): ReadonlyMap<string, number> {
  return new Map(note.flatMap((line) => {
    const [, peer, bytes] = /^found (\S+) (\d+)$/.exec(line) ?? [];
    return peer === undefined ? [] : [[peer, Number(bytes)] as const];
  }));
}

interface Said { readonly isDone: boolean; readonly bytes: number }

/** By minor and peer: how the last comparison went. What was found is told after its end, and only when it is something. */
function lastWords(lines: readonly string[]): ReadonlyMap<number, ReadonlyMap<string, Said>> {
  const last = new Map<number, Map<string, Said>>();
  for (const line of lines) {
    const [, minor, peer = '', word, blocks = '0', kib = '0'] = /\bdrbd(\d+)(?: ([^\s:]+))?: (Starting Online Verify|Online verify done|Online verify found (\d+) (\d+)k block)/.exec(line) ?? [];
    if (minor === undefined || word === undefined) continue;
    const peers = last.get(Number(minor)) ?? new Map<string, Said>();
    last.set(Number(minor), peers.set(peer, { isDone: !word.startsWith('Starting'), bytes: Number(blocks) * Number(kib) * 1024 }));
  }
  return last;
}
