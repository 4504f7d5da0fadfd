// What the stories share: who has the address, how long until somebody has it, how many packets got through meanwhile.
import assert from 'node:assert/strict';
import { realClock } from '../../controller/env/clock.ts';
import type { Plan } from '../../controller/model/plan.ts';
import type { Lab } from './nodes.ts';
import type { Product } from './product.ts';

export const ADDRESS = '10.77.2.100';
const LOOK_MS = 20;
const PING_MS = 10;

export interface Bench { readonly lab: Lab; readonly product: Product }
export interface Story { readonly name: string; /** Answers what it measured. */ play(): Promise<string | undefined> }
export interface Chapter { readonly title: string; stories(bench: Bench): readonly Story[] }

export async function holders(lab: Lab, address = ADDRESS): Promise<readonly string[]> {
  const told = await Promise.all(lab.names.map((name) => lab.has(name, address)));
  return lab.names.filter((_, at) => told[at]);
}

/** Seconds until exactly these have it. */
export async function secondsUntil(lab: Lab, expected: readonly string[], timeoutMs = 30_000, address = ADDRESS): Promise<number> {
  const started = performance.now();
  for (;;) {
    const found = await holders(lab, address);
    const seconds = (performance.now() - started) / 1000;
    if (found.join() === expected.join()) return seconds;
    if (seconds * 1000 > timeoutMs) assert.fail(`after ${timeoutMs / 1000} s ${address} is on ${found.join(' and ') || 'no node'}, not on ${expected.join(' and ')}`);
    await realClock.sleep(LOOK_MS);
  }
}

/** Stays so for a while, and nobody else has it in between. */
export async function staysWith(lab: Lab, expected: string, forMs: number, address = ADDRESS): Promise<void> {
  const started = performance.now();
  while (performance.now() - started < forMs) {
    assert.deepEqual(await holders(lab, address), [expected]);
    await realClock.sleep(LOOK_MS);
  }
}

export interface Pinged { readonly sent: number; readonly received: number; readonly lost: number; readonly awayMs: number }

/** A client of the address asks it a hundred times a second while something is done. */
export async function pinged(lab: Lab, act: () => Promise<unknown>, address = ADDRESS): Promise<Pinged> {
  // The last packet that is sent may be asked for before its answer is there.
  await lab.sh('switch', `ping -D -n -i ${PING_MS / 1000} ${address} > /tmp/ping 2>&1 & echo $! > /tmp/ping.pid`);
  await realClock.sleep(200);
  try {
    await act();
    await realClock.sleep(300);
  } finally {
    await lab.sh('switch', 'kill -INT $(cat /tmp/ping.pid); while kill -0 $(cat /tmp/ping.pid) 2> /dev/null; do sleep 0.02; done');
  }
  const said = await lab.sh('switch', 'cat /tmp/ping');
  const [, sent, received] = (/(\d+) packets transmitted, (\d+)(?: packets)? received/.exec(said) ?? []).map(Number);
  assert.ok(sent !== undefined && received !== undefined && sent > 0, said.slice(-500));
  // While nobody answers for the address, fewer are sent than were asked for: the time between two answers says more than their number.
  const times = [...said.matchAll(/^\[(\d+\.\d+)\].*icmp_seq=\d+ ttl/gm)].map((match) => Number(match[1]) * 1000);
  const gap = times.reduce((most, each, at) => Math.max(most, each - (times[at - 1] ?? each)), 0);
  return { sent, received, lost: Math.max(0, sent - received - 1), awayMs: Math.round(gap) };
}

export function pingText({ sent, lost, awayMs }: Pinged): string {
  return lost === 0 ? `none of ${sent} packets lost` : `${lost} of ${sent} packets lost, away for ${(awayMs / 1000).toFixed(2)} s`;
}

export function titles(plan: Plan): readonly string[] {
  return plan.changes.filter(({ ref }) => ref.kind === 'VirtualIP').flatMap(({ steps }) => steps.map(({ title }) => title));
}

export function manifest(fields: string, name = 'cluster'): string {
  return `apiVersion: latido/v1\nkind: VirtualIP\nmetadata: { name: ${name} }\nspec: { interface: vmbr0, ${fields} }\n`;
}

/** How often two nodes had it at once while something was done. */
export async function twice(lab: Lab, act: () => Promise<unknown>): Promise<number> {
  const over = new AbortController();
  let times = 0;
  const watch = (async () => {
    while (!over.signal.aborted) {
      if ((await holders(lab)).length > 1) times += 1;
      await realClock.sleep(LOOK_MS);
    }
  })();
  try {
    await act();
  } finally {
    over.abort();
    await watch;
  }
  return times;
}
