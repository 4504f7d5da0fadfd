// In: dice and a simulated cluster. Out: what happens to it meanwhile, from links to people with drbdadm: at its times, in virtual time.
// Must never take away by itself what only a person with two dead disks would lose.
import type { Simulation } from '../../../controller/sim/simulation.ts';
import { perform } from '../../../controller/sim/script-deeds.ts';
import { Output } from '../../../controller/sim/nodes/output.ts';
import { runProgram } from '../../../controller/sim/nodes/programs.ts';
import { write } from '../../../controller/sim/nodes/world.ts';
import type { Dice } from '../seeds/dice.ts';
import type { Watch } from './watch.ts';

const SECOND = 1_000;
const MIB = 2 ** 20;

export interface Stage { readonly sim: Simulation; readonly dice: Dice; readonly watch: Watch; readonly nodes: readonly string[] }

/** Everything is begun now, and ends by itself when asked to. */
export function happen(stage: Stage, told: (line: string) => void): { stop(): void } {
  const { sim, dice } = stage;
  const cancels: (() => void)[] = [];
  const at = (seconds: number, what: string, act: () => void) => {
    cancels.push(sim.clock.after(seconds * SECOND, () => {
      told(`${Math.round(sim.clock.now() / SECOND)} ${what}`);
      act();
    }, { background: true, label: what }));
  };
  for (let count = dice.between(0, 3); count > 0; count -= 1) trouble(stage, dice.between(0, 60), at);
  for (let count = dice.between(0, 4); count > 0; count -= 1) at(dice.between(0, 90), 'applications write', () => allWrite(stage));
  return { stop: () => { for (const cancel of cancels) cancel(); } };
}

type At = (seconds: number, what: string, act: () => void) => void;

function trouble(stage: Stage, start: number, at: At): void {
  const { sim, dice, watch, nodes } = stage;
  const node = dice.pick(nodes);
  const other = dice.pick(nodes.filter((one) => one !== node));
  const later = start + dice.between(5, 90);
  const both = (what: string, begin: () => void, end: () => void) => {
    at(start, what, begin);
    at(later, `no more ${what}`, end);
  };
  switch (dice.between(0, 10)) {
    case 0: case 1: case 2: return both(`cut ${node} ${other}`, () => perform(sim, { do: 'drbd-link-cut', a: node, b: other }), () => perform(sim, { do: 'drbd-link-heal', a: node, b: other }));
    case 3: return both(`power of ${node}`, () => perform(sim, { do: 'node-off', node }), () => perform(sim, { do: 'node-on', node }));
    case 4: return at(start, `reset of ${node}`, () => perform(sim, { do: 'node-reset', node }));
    case 5: return both(`ssh away from ${node}`, () => void watch.away.add(node), () => void watch.away.delete(node));
    case 6: return both(`corosync cut of ${node}`, () => perform(sim, { do: 'link-cut', node }), () => perform(sim, { do: 'link-heal', node }));
    case 7: return both(`API of ${node}`, () => perform(sim, { do: 'daemon-stop', node, daemon: 'pveproxy' }), () => perform(sim, { do: 'daemon-start', node, daemon: 'pveproxy' }));
    case 8: return at(start, `hand on ${node}`, () => byHand(stage, node, ['drbdadm', 'primary']));
    case 9: return at(start, `hand disconnects ${node}`, () => byHand(stage, node, ['drbdadm', 'disconnect']));
    default: return both(`disk of ${node}`, () => failDisks(stage, node), () => replaceFailed(sim, node));
  }
}

function allWrite({ sim }: Stage): void {
  for (const [node, host] of Object.entries(sim.state.below.hosts)) for (const replica of Object.values(host.replicas)) if (replica.role === 'Primary') write(sim, replica.resource, node, MIB);
}

function byHand({ sim, dice }: Stage, node: string, words: readonly string[]): void {
  const resources = Object.keys(sim.state.below.hosts[node]?.replicas ?? {});
  if (resources.length === 0 || sim.state.nodes[node]?.power !== 'on') return;
  const resource = dice.pick(resources);
  const code = runProgram(sim, [...words, resource], { node, output: new Output(), stdin: '' });
  if (code === 0 && words[1] === 'primary') write(sim, resource, node, MIB);
}

/** One that has an equal elsewhere. */
function failDisks(stage: Stage, node: string): void {
  const { sim } = stage;
  const { hosts } = sim.state.below;
  const own = Object.values(hosts[node]?.replicas ?? {}).find(({ resource, disk, peers }) => disk === 'UpToDate' && Object.entries(peers).some(([peer, { connection }]) => connection === 'Connected' && hosts[peer]?.replicas[resource]?.disk === 'UpToDate'));
  if (own) perform(sim, { do: 'disk-fail', node, resource: own.resource });
}

export function replaceFailed(sim: Simulation, node: string): void {
  const group = Object.values(sim.state.below.hosts[node]?.disks ?? {}).flatMap(({ label }) => (label?.kind === 'physical' ? Object.values(label.group?.volumes ?? {}) : []));
  for (const { name, medium } of group) if (medium.failed) perform(sim, { do: 'disk-replaced', node, resource: name });
}

/** Two Primaries that may not both be part for ever: whoever promoted them by hand takes it back. */
export function demoteByHand(sim: Simulation, resources: readonly string[]): void {
  for (const [node, host] of Object.entries(sim.state.below.hosts)) {
    for (const { resource, role } of Object.values(host.replicas)) if (role === 'Primary' && resources.includes(resource)) runProgram(sim, ['drbdadm', 'secondary', resource], { node, output: new Output(), stdin: '' });
  }
}
