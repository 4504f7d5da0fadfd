// `qm destroy VMID --skiplock 1`, and `pct unlock` with `pct destroy`, of a guest whose creation was cut off: a lock and nothing else.
// Of any other guest they are not simulated, and say so.
import type { GuestType } from '../../model/facts.ts';
import { isQuorate } from '../quorum.ts';
import type { Simulation } from '../simulation.ts';
import type { Run } from './output.ts';

const FAILED = 255;

export function destroyRemnant(sim: Simulation, type: GuestType, vmid: string | undefined, run: Run): number {
  const refuse = (why: string) => {
    run.output.err(`${why}\n`);
    return FAILED;
  };
  const guest = sim.state.guests[vmid ?? ''];
  if (!isQuorate(sim.state, run.node)) return refuse('cluster not ready - no quorum?');
  if (!guest || guest.type !== type || guest.node !== run.node) return refuse(`Configuration file 'nodes/${run.node}/${type === 'qemu' ? 'qemu-server' : 'lxc'}/${vmid}.conf' does not exist`);
  if (Object.keys(guest.config).join() !== 'lock' || guest.config.lock !== 'create') return refuse('destroying a guest with a configuration is not simulated here: the API does that');
  delete sim.state.guests[String(guest.vmid)];
  return 0;
}
