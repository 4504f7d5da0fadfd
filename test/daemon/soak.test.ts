// Seven virtual days by seed, on three nodes with a daemon each: commits, drift by hand, lost connections, kills, node power,
// cut networks, full silence of the API or of Git. All the time no write breaks a rule (fleet.ts); in the end the last commit is
// in force, and neither a file nor the memory has grown without bound.
// LATIDO_SOAK_SEEDS=20 takes more seeds, LATIDO_SOAK_DAYS=30 longer ones.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { perform } from '../../controller/sim/script-deeds.ts';
import { seededRandom } from '../../controller/sim/random.ts';
import { LAB_TOKEN } from '../../controller/sim/cluster-spec.ts';
import { CLUSTER } from '../harness/world.ts';
import { vm } from './daemon-world.ts';
import { Fleet, STRANGER } from './fleet.ts';

const SEEDS = Number(process.env['LATIDO_SOAK_SEEDS'] ?? '1');
const DAYS = Number(process.env['LATIDO_SOAK_DAYS'] ?? '7');
const PATIENCE_MS = 3_600_000;
const HOUR_S = 3600;
const DAY_S = 24 * HOUR_S;
/** What each file may have at most: entries of some hundred bytes, twice their bound between two rewritings. */
const BYTES_MAX: Readonly<Record<string, number>> = {
  'commit.json': 20_000, 'daemon.json': 20_000, 'inventory.json': 20_000, 'status.json': 60_000, 'suspensions.json': 1_000,
  'events.jsonl': 1_500_000, 'history.jsonl': 800_000, 'journal.jsonl': 1_000_000,
};
/** The simulated cluster remembers its tasks and its log for the whole time; a daemon that kept its rounds would need far more. */
const HEAP_FACTOR = 1.2;
const HEAP_SLACK = 4 * 2 ** 20;
const NODES = ['pve1', 'pve2', 'pve3'] as const;

type Wanted = Readonly<Record<string, { readonly vmid: number; readonly memory: number }>>;

class Soak {
  readonly random: () => number;
  readonly fleet: Fleet;
  wanted: Wanted = { web: { vmid: 101, memory: 512 } };
  commits = 0;
  /** What the last commits wanted: one of them is in force. */
  #lately: Wanted[] = [];
  heap = { early: 0, late: 0 };
  readonly told = new Map<string, number>();

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.fleet = new Fleet(NODES, { intervalMs: 1_800_000, standByMs: 60_000, renewMs: 25_000 }, { seed });
    this.fleet.lossRate = 0.002;
    this.fleet.wants = (vmid) => this.#lately.every((wanted) => Object.values(wanted).some((guest) => guest.vmid === vmid));
  }

  pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  node(): string {
    return NODES[this.pick(NODES.length)] ?? NODES[0];
  }

  push(): void {
    const guests = Object.entries(this.wanted).map(([name, { vmid, memory }]) => vm(name, vmid, `memory: ${memory}`, 'reclaim: delete, power: running')).join('');
    this.fleet.source.push(`${CLUSTER}---${guests}`, this.random() < 0.8 ? 'told' : 'untold');
    this.#lately = [this.wanted, ...this.#lately].slice(0, 3);
    this.commits += 1;
  }

  /** Every day: what has power has a daemon. */
  startAll(): void {
    for (const node of NODES) this.fleet.start(node);
  }

  async event(): Promise<void> {
    const { fleet } = this;
    const hours = (most: number) => fleet.pass(60 + this.pick(most * HOUR_S));
    const node = this.node();
    const name = EVENTS[this.pick(EVENTS.length)] ?? 'change';
    this.told.set(name, (this.told.get(name) ?? 0) + 1);
    switch (name) {
      case 'change': return this.#change();
      case 'remove': return this.#remove();
      case 'drift': return this.#drift();
      case 'api': fleet.isApiDown = true; await hours(3); fleet.isApiDown = false; return;
      case 'git': fleet.source.isAway = true; await hours(3); fleet.source.isAway = false; return;
      case 'broken': fleet.source.pushFiles(this.pick(2) === 0 ? [] : [{ path: 'broken.yaml', text: '{ not: [ yaml' }]); await hours(1); return this.push();
      case 'stop': await fleet.stop(node); return fleet.start(node);
      case 'kill': fleet.kill(node); await fleet.pass(this.pick(600)); return fleet.start(node);
      case 'power': fleet.sim.powerOff(node); await hours(2); fleet.sim.powerOn(node); await fleet.pass(60); return fleet.start(node);
      case 'network': perform(fleet.sim, { do: 'network-down', node }); await hours(2); return perform(fleet.sim, { do: 'network-up', node });
      case 'link': perform(fleet.sim, { do: 'link-cut', node }); await hours(2); return perform(fleet.sim, { do: 'link-heal', node });
      case 'quorum': for (const each of ['pve2', 'pve3']) perform(fleet.sim, { do: 'link-cut', node: each }); await hours(1); for (const each of ['pve2', 'pve3']) perform(fleet.sim, { do: 'link-heal', node: each }); return;
      case 'clock': return fleet.pmxcfs.jumpClock(node, this.pick(600_000) - 300_000);
    }
  }

  #change(): void {
    for (let count = 1 + this.pick(6); count > 0; count -= 1) {
      const vmid = 101 + this.pick(12);
      const others = Object.entries(this.wanted).filter(([, guest]) => guest.vmid !== vmid);
      this.wanted = { ...Object.fromEntries(others), [`vm${vmid}`]: { vmid, memory: 256 * (1 + this.pick(8)) } };
    }
    this.push();
  }

  #remove(): void {
    const names = Object.keys(this.wanted);
    if (names.length > 2) this.wanted = Object.fromEntries(Object.entries(this.wanted).filter(([name]) => name !== names[this.pick(names.length)]));
    this.push();
  }

  #drift(): void {
    const guests = Object.values(this.fleet.sim.state.guests).filter(({ vmid }) => vmid !== STRANGER);
    const guest = guests[this.pick(Math.max(1, guests.length))];
    if (guest) guest.config['memory'] = String(128 * (1 + this.pick(9)));
  }
}

const EVENTS = ['change', 'change', 'remove', 'drift', 'api', 'git', 'broken', 'stop', 'kill', 'power', 'network', 'link', 'quorum', 'clock'] as const;

function heapAfterGc(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

test.each(Array.from({ length: SEEDS }, (_, i) => [i + 1]))('seed %i', async (seed) => {
  const soak = new Soak(seed);
  const { fleet } = soak;
  soak.push();
  soak.startAll();
  const startedAt = fleet.sim.clock.now();
  const passedS = () => (fleet.sim.clock.now() - startedAt) / 1000;
  const stranger = JSON.stringify(fleet.world.guest(STRANGER).config);
  while (passedS() < DAYS * DAY_S) {
    await soak.event();
    // Now and then the next thing happens while the last one is worked on.
    await fleet.pass(soak.random() < 0.4 ? soak.pick(20) : 600 + soak.pick(3 * HOUR_S));
    soak.startAll();
    if (soak.heap.early === 0 && passedS() > 2 * DAY_S) soak.heap.early = heapAfterGc();
  }
  await fleet.pass(2 * HOUR_S);
  soak.heap.late = heapAfterGc();

  expect([...fleet.violations]).toEqual([]);
  expect(JSON.stringify(fleet.world.guest(STRANGER).config)).toBe(stranger);
  expect(soak.commits).toBeGreaterThan(DAYS * 2);
  expect(soak.told.size).toBeGreaterThan(Math.min(10, DAYS));
  const [master = ''] = fleet.acting();
  const events = fleet.store(master).snapshot()['events.jsonl']?.split('\n').slice(-12).join('\n');
  const marked = Object.values(fleet.sim.state.guests).filter(({ config }) => String(config['tags'] ?? '').split(';').includes('latido'));
  expect(Object.fromEntries(marked.map(({ vmid, config }) => [vmid, config['memory']])), events).toEqual(Object.fromEntries(Object.values(soak.wanted).map(({ vmid, memory }) => [vmid, String(memory)])));
  for (const node of NODES) {
    for (const [name, text] of Object.entries(fleet.store(node).snapshot())) {
      expect(text.length, `${name} of ${node}`).toBeLessThan(BYTES_MAX[name] ?? 0);
      expect(text, `${name} of ${node}`).not.toContain(LAB_TOKEN.secret);
    }
  }
  if (soak.heap.early > 0) expect(soak.heap.late).toBeLessThan(HEAP_FACTOR * soak.heap.early + HEAP_SLACK);
  for (const node of NODES) await fleet.stop(node);
  if (process.env['LATIDO_SOAK_TELL']) process.stdout.write(`${JSON.stringify({ seed, heap: soak.heap, commits: soak.commits, told: [...soak.told], files: NODES.map((node) => Object.entries(fleet.store(node).snapshot()).map(([name, text]) => [name, text.length])) })}\n`);
}, PATIENCE_MS);
