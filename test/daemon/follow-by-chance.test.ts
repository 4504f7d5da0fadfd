// Daemons that follow an address which goes anywhere, by seed: to a node, to none, to two; with kills, power, cut networks and commits.
// No write ever breaks a rule (fleet.ts); when all is quiet again, who has the address works and the last commit is in force.
// LATIDO_FOLLOW_SEEDS=50 takes more seeds.
import { expect, test } from 'vitest';
import { perform } from '../../controller/sim/script-deeds.ts';
import { seededRandom } from '../../controller/sim/random.ts';
import { vm } from './daemon-world.ts';
import { Fleet } from './fleet.ts';

const SEEDS = Number(process.env['LATIDO_FOLLOW_SEEDS'] ?? '4');
const EVENTS = 60;
const NODES = ['pve1', 'pve2', 'pve3'];
const GUESTS = [101, 102, 103, 104];
/** The lease of a dead node, the patience of others, a round, and some. */
const QUIET_S = 900;

class Story {
  readonly fleet: Fleet;
  readonly #random: () => number;
  memory = 512;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.fleet = new Fleet(NODES, {}, { seed });
    this.fleet.addressOn = ['pve1'];
    this.push();
  }

  pick(count: number): number {
    return Math.floor(this.#random() * count);
  }

  node(): string {
    return NODES[this.pick(NODES.length)] ?? 'pve1';
  }

  push(): void {
    this.memory = 128 * (1 + this.pick(16));
    this.fleet.source.push(GUESTS.map((vmid) => vm(`vm${vmid}`, vmid, `memory: ${this.memory}`, 'power: running')).join(''));
  }

  /** What has power, and the address of those that can have it. */
  settle(): void {
    for (const node of NODES) {
      this.fleet.sim.powerOn(node);
      perform(this.fleet.sim, { do: 'network-up', node });
      perform(this.fleet.sim, { do: 'link-heal', node });
    }
  }

  startAll(): void {
    for (const node of NODES) this.fleet.start(node);
  }

  event(): void {
    const { fleet } = this;
    const node = this.node();
    switch (this.pick(10)) {
      case 0: case 1: fleet.addressOn = [node]; return;
      case 2: fleet.addressOn = []; return;
      case 3: fleet.addressOn = [node, this.node()]; return;
      case 4: fleet.kill(node); return;
      case 5: fleet.sim.powerOff(node); fleet.addressOn = NODES.filter((other) => other !== node).slice(0, 1); return;
      case 6: perform(fleet.sim, { do: 'network-down', node }); return;
      case 7: perform(fleet.sim, { do: 'link-cut', node }); return;
      case 8: this.settle(); return;
      default: this.push();
    }
  }
}

test.each(Array.from({ length: SEEDS }, (_, i) => [i + 1]))('seed %i', async (seed) => {
  const story = new Story(seed);
  const { fleet } = story;
  story.startAll();
  for (let count = 0; count < EVENTS; count += 1) {
    story.event();
    await fleet.pass(story.pick(3) === 0 ? story.pick(8) : story.pick(150));
    if (story.pick(3) === 0) story.startAll();
  }
  story.settle();
  await fleet.pass(120);
  story.startAll();
  const master = story.node();
  fleet.addressOn = [master];
  story.push();
  await fleet.pass(QUIET_S);
  expect([...fleet.violations]).toEqual([]);
  expect(fleet.acting()).toEqual([master]);
  expect(GUESTS.map((vmid) => fleet.world.guest(vmid).config['memory'])).toEqual(GUESTS.map(() => String(story.memory)));
}, 120_000);

test.each(Array.from({ length: SEEDS }, (_, i) => [i + 1]))('seed %i, and in the end no node has the address: the work is done all the same', async (seed) => {
  const story = new Story(seed + 1000);
  const { fleet } = story;
  story.startAll();
  for (let count = 0; count < EVENTS / 2; count += 1) {
    story.event();
    await fleet.pass(story.pick(60));
  }
  story.settle();
  fleet.addressOn = [];
  await fleet.pass(120);
  story.startAll();
  story.push();
  await fleet.pass(QUIET_S);
  expect([...fleet.violations]).toEqual([]);
  expect(GUESTS.map((vmid) => fleet.world.guest(vmid).config['memory'])).toEqual(GUESTS.map(() => String(story.memory)));
}, 120_000);
