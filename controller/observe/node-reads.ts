// In: a way to run commands, and the nodes to ask. Out: what each tells of its DRBD, LVM and addresses. Reads only.
// Two sessions on each node: what can be asked of any node, then what its first answers lead to.
// Must never take silence for absence: a node that does not answer, or whose answer is not understood, is `unread`.
import { ADDRESSES, parseAddresses } from '../drbd/addresses.ts';
import { FULL_REPORT, parseReport } from '../drbd/lvm.ts';
import { ConnectionError } from '../model/doors.ts';
import type { Ssh } from '../model/doors.ts';
import type { NodeStorageFact } from '../model/node-facts.ts';
import { parseVirtualIp } from '../virtual-ip/report.ts';
import { READ_VIRTUAL_IP } from '../virtual-ip/scripts.ts';
import { script } from '../drbd/scripts.ts';
import { batched } from './batched.ts';
import type { Run } from './batched.ts';
import { understood, Unread } from './node-answers.ts';
import { readDrbdFiles, readReplicas } from './node-drbd.ts';
import { NODE_LOCK_BUSY, underNodeLock } from './node-lock.ts';

/** Reads end at once or not at all; the lock is waited for, and LVM may wait for one of its own. */
const SESSION_MS = 60_000;
/** One call for both programs. A node that does not answer it is unknown to VirtualIPs alone. */
const VIRTUAL_IP = script(READ_VIRTUAL_IP);
const FILTER = ['lvmconfig', 'devices/global_filter'];

/** `drbd`: the copies as the kernel and their metadata have them; `drift`: what drbdadm says of their files. */
export type Part = 'drbd' | 'drift' | 'lvm' | 'addresses';
const ALL: ReadonlySet<Part> = new Set(['drbd', 'drift', 'lvm', 'addresses']);

/**
 * @param ssh absent: every node is unread
 * @param parts a part that is not asked is empty in the answer, which says nothing of it
 */
export async function readNodes(ssh: Ssh | undefined, nodes: readonly string[], parts: ReadonlySet<Part> = ALL): Promise<ReadonlyMap<string, NodeStorageFact>> {
  return new Map(await Promise.all(nodes.map(async (node) => [node, ssh ? await readNode(ssh, node, parts) : silent(node, 'there is no way to it over ssh')] as const)));
}

function silent(node: string, why: string): NodeStorageFact {
  return { node, unread: why, replicas: new Map(), resFiles: new Map(), groups: [], volumes: [], physical: [], addresses: [] };
}

async function readNode(ssh: Ssh, node: string, parts: ReadonlySet<Part>): Promise<NodeStorageFact> {
  const run = batched(ssh, node, SESSION_MS);
  try {
    const [, files, lvm, addresses] = await Promise.all([
      waitForOthers(run),
      parts.has('drbd') ? readDrbdFiles(run) : undefined,
      parts.has('lvm') ? readLvm(run) : { groups: [], volumes: [], physical: [] },
      parts.has('addresses') ? readAddresses(run) : { addresses: [] },
    ]);
    const drbd = files ? await readReplicas(run, node, files, parts.has('drift')) : { replicas: new Map(), resFiles: new Map() };
    return { node, ...drbd, ...lvm, ...addresses };
  } catch (error) {
    if (!(error instanceof Unread) && !(error instanceof ConnectionError)) throw error;
    return silent(node, error.message);
  }
}

/** What a killed latido began may still run: its end is waited for, by everything that is asked after this. */
async function waitForOthers(run: Run): Promise<void> {
  const lock = await run(underNodeLock(['true']));
  if (lock.code === NODE_LOCK_BUSY) throw new Unread('a command of latido still runs there');
}

async function readLvm(run: Run): Promise<Pick<NodeStorageFact, 'groups' | 'volumes' | 'physical' | 'lvmFilter'>> {
  const [report, filter] = await Promise.all([run(FULL_REPORT), run(FILTER)]);
  return { ...understood('lvm', report, parseReport), ...(filter.code === 0 ? { lvmFilter: filter.stdout.trim().replace(/^global_filter=/, '') } : {}) };
}

async function readAddresses(run: Run): Promise<Pick<NodeStorageFact, 'addresses' | 'virtualIp'>> {
  const [addresses, programs] = await Promise.all([run(ADDRESSES), run(VIRTUAL_IP)]);
  const virtualIp = programs.code === 0 ? parseVirtualIp(programs.stdout) : undefined;
  return { addresses: understood('ip', addresses, parseAddresses), ...(virtualIp ? { virtualIp } : {}) };
}
