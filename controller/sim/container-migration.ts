// Migration of containers: stopped, or by restart; there is no live one.
// In: a guest, where to, how. Out: the vzmigrate task's log and times, and the container on the other node.
// Must never leave a container that was running stopped without saying so in the task's end.
import type { TaskContext } from './tasks.ts';
import { PowerLost } from './tasks.ts';
import { touch } from './guest-config.ts';
import { startAsNode } from './ha/guest-actions.ts';
import { connect, copyOffline, MigrationFailed, pause, stamped, type MigrationPlan } from './migration-copy.ts';
import { duration } from './migration-text.ts';
import { dropCopied, localVolumes, storagesMissingOn, undoCopies, type Copied } from './migration-volumes.ts';

export interface ContainerPlan extends MigrationPlan { readonly restart: boolean; readonly shutdownTimeoutMs: number }

const CLEANUP_MS = 1_500;

export async function migrateContainer(task: TaskContext, plan: ContainerPlan): Promise<void> {
  const { guest, target } = plan;
  const { sim } = task;
  const source = guest.node;
  const startMs = sim.clock.now();
  const log = stamped(task);
  const wasRunning = guest.process !== undefined;
  const copies: Copied[] = [];
  try {
    if (wasRunning && !plan.restart) throw new MigrationFailed(1, 'lxc live migration is currently not implemented');
    await connect(task, log, source, target);
    if (wasRunning) await shutDown(task, log, plan, source);
    log(`starting migration of CT ${guest.vmid} to node '${target}' (${sim.state.nodes[target]?.address ?? target})`);
    guest.config['lock'] = 'migrate';
    touch(guest);
    const missing = storagesMissingOn(sim.state, guest, target)[0];
    if (missing !== undefined && plan.targetStorage === undefined) throw new MigrationFailed(1, `storage '${missing}' is not available on node '${target}'`);
    const volumes = localVolumes(sim.state, guest);
    for (const volume of volumes) log(`found local volume '${volume.volid}' (in current VM config)`);
    await copyOffline(task, log, plan, volumes, copies);
    if (volumes.length > 0) log(setState(plan, sim.state.nodes[target]?.address ?? target));
    await pause(task, source, target, CLEANUP_MS / 2);
    log('start final cleanup');
    guest.node = target;
    dropCopied(sim.state, guest, copies, source);
    touch(guest);
    sim.log.write(target, `CT ${guest.vmid} arrived from ${source}`);
    await task.sleep(CLEANUP_MS);
    delete guest.config['lock'];
    touch(guest);
    if (wasRunning) await startThere(task, log, plan);
    log(`migration finished successfully (duration ${duration(sim.clock.now() - startMs)})`);
  } catch (error) {
    if (error instanceof PowerLost || error instanceof TypeError || error instanceof ReferenceError) throw error;
    if (guest.node === source) undoCopies(sim.state, copies, target);
    if (guest.config['lock'] === 'migrate') delete guest.config['lock'];
    touch(guest);
    log(`ERROR: migration aborted (duration ${duration(sim.clock.now() - startMs)}): ${error instanceof Error ? error.message : String(error)}`);
    throw new Error('migration aborted', { cause: error });
  }
}

async function shutDown(task: TaskContext, log: (line: string) => void, plan: ContainerPlan, source: string): Promise<void> {
  log(`shutdown CT ${plan.guest.vmid}`);
  const { shutdownMs } = plan.guest.behaviour;
  await pause(task, source, plan.target, Math.min(shutdownMs ?? Infinity, plan.shutdownTimeoutMs));
  if (shutdownMs === undefined || shutdownMs > plan.shutdownTimeoutMs) throw new MigrationFailed(1, `command 'lxc-stop -n ${plan.guest.vmid} --nokill --timeout ${plan.shutdownTimeoutMs / 1000}' failed: exit code 1`);
  delete plan.guest.process;
}

async function startThere(task: TaskContext, log: (line: string) => void, plan: ContainerPlan): Promise<void> {
  const { guest, target } = plan;
  log('start container on target node');
  log(ssh(target, task.sim.state.nodes[target]?.address ?? target, `pct start ${guest.vmid}`));
  await startAsNode(task.sim, target, guest);
  if (!guest.process) throw new Error(`command 'pct start ${guest.vmid}' failed: exit code 255`);
}

function setState(plan: ContainerPlan, address: string): string {
  return ssh(plan.target, address, `pvesr set-state ${plan.guest.vmid} \\''{}'\\'`);
}

function ssh(node: string, address: string, command: string): string {
  return `# /usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=${node}' -o 'UserKnownHostsFile=/etc/pve/nodes/${node}/ssh_known_hosts' -o 'GlobalKnownHostsFile=none' root@${address} ${command}`;
}
