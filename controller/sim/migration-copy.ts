// Carrying volumes to the other node, at a rate and as long as the other node is there.
// In: a migration's plan and volumes. Out: copies on the target, time gone, lines in the log.
// Must never go on when the target is out of reach.
import { binary, decimal } from './migration-text.ts';
import { copyVolume, type Copied, type LocalVolume } from './migration-volumes.ts';
import { isLinked } from './quorum.ts';
import type { GuestState } from './state.ts';
import type { TaskContext } from './tasks.ts';
import { parseVolumeId } from './volumes.ts';

export interface MigrationPlan {
  readonly guest: GuestState;
  readonly target: string;
  readonly online: boolean;
  readonly withLocalDisks: boolean;
  /** A VM with devices of its node moves although the target may not have them. */
  readonly force?: boolean;
  readonly targetStorage?: string;
  readonly bytesPerSecondMax?: number;
}

/** A failure before the guest was touched, and one after. */
export class MigrationFailed extends Error {
  constructor(readonly phase: 1 | 2, message: string) {
    super(message);
  }
}

/** Writes lines with the time, as the migration code does. */
export function stamped(task: TaskContext): (line: string) => void {
  return (line) => task.log(`${new Date(task.sim.clock.now()).toISOString().slice(0, 19).replace('T', ' ')} ${line}`);
}

/** The ssh call that tells whether the target is there at all. */
export async function connect(task: TaskContext, log: (line: string) => void, source: string, target: string): Promise<void> {
  if (isReachable(task, source, target)) return;
  const address = task.sim.state.nodes[target]?.address ?? target;
  log(`# /usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=${target}' -o 'UserKnownHostsFile=/etc/pve/nodes/${target}/ssh_known_hosts' -o 'GlobalKnownHostsFile=none' root@${address} /bin/true`);
  await task.sleep(500);
  log(`ssh: connect to host ${address} port 22: No route to host`);
  throw new MigrationFailed(1, "Can't connect to destination address using public key");
}

export function isReachable(task: TaskContext, source: string, target: string): boolean {
  const { state } = task.sim;
  return state.nodes[target]?.power === 'on' && isLinked(state, source, target);
}

/** Copies volumes one after the other, as `pvesm export | import` does; for containers too. */
export async function copyOffline(task: TaskContext, log: (line: string) => void, plan: MigrationPlan, volumes: readonly LocalVolume[], copies: Copied[]): Promise<void> {
  if (volumes.length > 0) log('copying local disk images');
  const source = plan.guest.node;
  for (const volume of volumes) {
    const copy = copyVolume(task.sim, volume, source, plan.target, plan.targetStorage);
    copies.push(copy);
    const name = parseVolumeId(copy.to)?.name ?? '';
    const seconds = volume.sizeBytes / rateOf(task.sim.timings.copyBytesPerSecond, plan);
    await pause(task, source, plan.target, 1000);
    if (/\.\w+$/.test(name)) log(`Formatting '/var/lib/vz/images/${name}', fmt=${name.slice(name.lastIndexOf('.') + 1)} size=${volume.sizeBytes} preallocation=off`);
    await pause(task, source, plan.target, seconds * 1000);
    log(`${volume.sizeBytes} bytes (${decimal(volume.sizeBytes)}, ${binary(volume.sizeBytes)}) copied, ${seconds.toFixed(5)} s, ${Math.round(volume.sizeBytes / Math.max(seconds, 1e-3) / 1e6)} MB/s`);
    log(`successfully imported '${copy.to}'`);
    log(`volume '${copy.from}' is '${copy.to}' on the target`);
  }
}

/** Sleeps, then makes sure that the target is still there. */
export async function pause(task: TaskContext, source: string, target: string, ms: number): Promise<void> {
  await task.sleep(ms);
  if (!isReachable(task, source, target)) throw new MigrationFailed(2, `online migrate failure - unable to reach node '${target}'`);
}

export function rateOf(bytesPerSecond: number, plan: MigrationPlan): number {
  return Math.max(1, Math.min(bytesPerSecond, plan.bytesPerSecondMax ?? Infinity));
}
