// What the tests of the cluster's address share: nodes, its manifest as text, and who has it.
import { planRound } from '../../../controller/reconcile.ts';
import type { Plan } from '../../../controller/model/plan.ts';
import type { Standing } from '../../../controller/model/kind.ts';
import type { NodeSpec } from '../../../controller/sim/cluster-spec.ts';
import { commitOf, kindsFor, World } from '../../harness/world.ts';
import type { WorldOptions } from '../../harness/world.ts';

export { settled } from '../../harness/settled.ts';

export const VIP = '10.99.0.100';

/** @param fields of its manifest beside address and interface: `nodes: { pve1: 150, pve2: 100 }` */
export function vip(fields: string, name = 'cluster', address = `${VIP}/24`): string {
  return `
apiVersion: latido/v1
kind: VirtualIP
metadata: { name: ${name} }
spec: { address: "${address}", interface: vmbr0, ${fields} }
`;
}

export function addressPlace(programs: NodeSpec['programs'] = ['keepalived'], count = 2, options: WorldOptions = {}): World {
  return new World({ nodes: ['pve1', 'pve2', 'pve3'].slice(0, count).map((name) => ({ name, programs })) }, options);
}

/** The nodes that have the address on an interface. */
export function holders(place: World, address = VIP): readonly string[] {
  return Object.entries(place.sim.state.below.hosts).filter(([, { addresses }]) => addresses.some((one) => one.address.split('/')[0] === address)).map(([node]) => node).sort();
}

export async function standing(place: World, yaml: string): Promise<Standing> {
  const { plan } = await place.run(planRound(place.env, commitOf(yaml), kindsFor));
  const found = plan.standings?.find(({ ref }) => ref.kind === 'VirtualIP');
  if (!found) throw new Error('the plan says nothing of the address');
  return found;
}

export interface Watched {
  /** The longest time in which nobody had it, after somebody had; milliseconds. */
  readonly awayMs: () => number;
  /** How often more than one node was seen with it. */
  readonly twice: () => number;
}

const SAMPLE_MS = 50;

/** Looks again and again, from now on. */
export function watch(place: World, address = VIP): Watched {
  let [twice, awayMs, lastMs] = [0, 0, undefined as number | undefined];
  place.sim.clock.every(SAMPLE_MS, () => {
    const now = place.sim.clock.now();
    const count = holders(place, address).length;
    if (count > 1) twice += 1;
    if (count > 0) lastMs = now;
    else if (lastMs !== undefined) awayMs = Math.max(awayMs, now - lastMs);
  }, { background: true, label: 'somebody watches the address' });
  return { awayMs: () => awayMs, twice: () => twice };
}

/** How long the address is away, as the plan says; milliseconds. */
export function costOf({ changes }: Plan): number {
  return Math.max(0, ...changes.flatMap(({ steps }) => steps.map(({ cost }) => cost?.seconds ?? 0))) * 1000;
}

/** A command on a node, by hand. */
export async function byHand(place: World, node: string, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await place.run(place.env.ssh?.run(node, argv, { timeoutMs: 120_000 }) ?? Promise.reject(new Error('no way to the nodes')));
  if (code !== 0) throw new Error(`${argv.join(' ')} on ${node}: ${code} ${stderr}`);
  return stdout;
}
