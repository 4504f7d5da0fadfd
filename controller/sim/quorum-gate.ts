// What a write comes to on a node without quorum, or while the members are finding one another again.
// In: a call of a method that changes something. Out: nothing when it may go on; the recorded refusal when not.
// Must never hold back a read, a login or a call that only touches the node itself.
import type { Json } from '../model/json.ts';
import { failure, type Call } from './api/handler.ts';
import { isQuorate } from './quorum.ts';
import { startTask } from './tasks.ts';

type Refusal =
  /** "cluster not ready - no quorum?", at once. */
  | { readonly as: 'not-ready' }
  /** The file cannot be written, at once; with a task when the method works in one. */
  | { readonly as: 'file'; readonly file: (call: Call) => string; readonly task?: string; readonly log?: (call: Call) => readonly string[] }
  /** The lock cannot be had, after ten seconds. */
  | { readonly as: 'lock'; readonly lock: string; readonly prefix?: string };

/** How long Proxmox tries to get a lock of the cluster file system. */
const LOCK_WAIT_MS = 10_000;

/** Throws the refusal, answers what a refused method answers instead of failing, or nothing: the method may run. */
export async function quorumGate(call: Call): Promise<{ readonly answer: Json } | undefined> {
  const refusal = refusalOf(call);
  if (!refusal) return undefined;
  const formingUntilMs = call.state.ha.corosync.formingUntilMs[call.node];
  if (formingUntilMs !== undefined) await call.sim.clock.sleep(formingUntilMs - call.sim.clock.now());
  if (isQuorate(call.state, call.node)) return undefined;
  switch (refusal.as) {
    case 'not-ready': throw failure('cluster not ready - no quorum?');
    case 'lock':
      if (await quorateWithin(call, LOCK_WAIT_MS)) return undefined;
      throw failure(`${refusal.prefix ?? ''}cfs-lock '${refusal.lock}' error: no quorum!`);
    case 'file': return refuseFile(call, refusal);
  }
}

function refuseFile(call: Call, refusal: Refusal & { readonly as: 'file' }): { readonly answer: Json } {
  const text = (pid: number) => `unable to open file '/etc/pve/${refusal.file(call)}.tmp.${pid}' - Permission denied`;
  if (refusal.task === undefined) throw failure(text(call.state.nodes[call.node]?.nextPid ?? 1));
  const upid = startTask(call, refusal.task, String(call.params['vmid']), (task) => {
    for (const line of refusal.log?.(call) ?? []) task.log(line);
    throw new Error(text(call.state.tasks[task.upid]?.pid ?? 1));
  });
  return { answer: upid };
}

async function quorateWithin(call: Call, limitMs: number): Promise<boolean> {
  for (let waited = 0; waited < limitMs; waited += 1000) {
    await call.sim.clock.sleep(1000);
    if (isQuorate(call.state, call.node)) return true;
  }
  return false;
}

const READY: Refusal = { as: 'not-ready' };
const config = (folder: string): Refusal => ({ as: 'file', file: (call) => `nodes/${call.node}/${folder}/${call.params['vmid']}.conf` });
const task = (folder: string, type: string, log?: (call: Call) => readonly string[]): Refusal => ({
  as: 'file', file: (call) => `nodes/${call.node}/${folder}/${call.params['vmid']}.conf`, task: type, ...(log ? { log } : {}),
});
const lock = (name: string, prefix?: string): Refusal => ({ as: 'lock', lock: name, ...(prefix === undefined ? {} : { prefix: `${prefix} failed: ` }) });

function assigned(call: Call): readonly string[] {
  const set = Object.entries(call.params).filter(([name]) => name !== 'node' && name !== 'vmid').map(([name, value]) => `-${name} ${name === 'cipassword' ? '<hidden>' : String(value)}`);
  return [`update VM ${call.params['vmid']}: ${set.join(' ')}`];
}

const EXACT: Readonly<Record<string, Refusal>> = {
  'POST /nodes/{node}/qemu': READY, 'POST /nodes/{node}/lxc': READY,
  'POST /nodes/{node}/qemu/{vmid}/status/start': READY, 'POST /nodes/{node}/lxc/{vmid}/status/start': READY,
  'POST /nodes/{node}/qemu/{vmid}/clone': READY, 'POST /nodes/{node}/lxc/{vmid}/clone': READY,
  'POST /nodes/{node}/qemu/{vmid}/migrate': READY, 'POST /nodes/{node}/lxc/{vmid}/migrate': READY,
  'POST /nodes/{node}/qemu/{vmid}/snapshot': READY, 'POST /nodes/{node}/lxc/{vmid}/snapshot': READY,
  'POST /cluster/ha/resources': READY, 'POST /cluster/ha/rules': READY, 'POST /cluster/ha/groups': READY,
  'PUT /cluster/ha/resources/{sid}': lock('domain-ha', 'update resources config'), 'DELETE /cluster/ha/resources/{sid}': lock('domain-ha', 'delete resource'),
  'POST /cluster/ha/resources/{sid}/migrate': lock('domain-ha'), 'POST /cluster/ha/resources/{sid}/relocate': lock('domain-ha'),
  'PUT /cluster/ha/rules/{rule}': lock('domain-ha', 'update HA rules'), 'DELETE /cluster/ha/rules/{rule}': lock('domain-ha', 'delete ha rule'),
  'PUT /cluster/ha/groups/{group}': lock('domain-ha', 'update ha group'), 'DELETE /cluster/ha/groups/{group}': lock('domain-ha', 'delete ha group'),
  'POST /cluster/config': READY, 'POST /cluster/config/nodes/{node}': READY, 'DELETE /cluster/config/nodes/{node}': READY,
  'PUT /nodes/{node}/qemu/{vmid}/config': config('qemu-server'), 'PUT /nodes/{node}/lxc/{vmid}/config': config('lxc'),
  'POST /nodes/{node}/qemu/{vmid}/config': task('qemu-server', 'qmconfig', assigned),
  'POST /nodes/{node}/qemu/{vmid}/template': task('qemu-server', 'qmtemplate'), 'POST /nodes/{node}/lxc/{vmid}/template': config('lxc'),
  'PUT /nodes/{node}/qemu/{vmid}/resize': task('qemu-server', 'resize'), 'PUT /nodes/{node}/lxc/{vmid}/resize': task('lxc', 'resize'),
  'POST /nodes/{node}/qemu/{vmid}/move_disk': task('qemu-server', 'qmmove'), 'POST /nodes/{node}/lxc/{vmid}/move_volume': task('lxc', 'move_volume'),
  'DELETE /nodes/{node}/qemu/{vmid}': task('qemu-server', 'qmdestroy'), 'DELETE /nodes/{node}/lxc/{vmid}': task('lxc', 'vzdestroy'),
  'PUT /nodes/{node}/config': { as: 'file', file: (call) => `nodes/${call.node}/config` },
  'PUT /cluster/options': lock('file-datacenter_cfg'),
  'POST /storage': lock('file-storage_cfg', 'create storage'), 'PUT /storage/{storage}': lock('file-storage_cfg', 'update storage'), 'DELETE /storage/{storage}': lock('file-storage_cfg', 'delete storage'),
  'POST /pools': lock('file-user_cfg', 'create pool'), 'PUT /pools': lock('file-user_cfg', 'update pools'), 'PUT /pools/{poolid}': lock('file-user_cfg', 'update pools'),
  'DELETE /pools': lock('file-user_cfg', 'delete pool'), 'DELETE /pools/{poolid}': lock('file-user_cfg', 'delete pool'),
  'POST /access/users/{userid}/token/{tokenid}': lock('file-user_cfg', 'generating token'),
  'PUT /access/users/{userid}/token/{tokenid}': lock('file-user_cfg', 'updating token info'), 'DELETE /access/users/{userid}/token/{tokenid}': lock('file-user_cfg', 'deleting token'),
  'POST /access/users': lock('file-user_cfg', 'create user'), 'PUT /access/users/{userid}': lock('file-user_cfg', 'update user'), 'DELETE /access/users/{userid}': lock('file-user_cfg', 'delete user'),
  'PUT /access/acl': lock('file-user_cfg', 'ACL update'),
  'POST /access/roles': lock('file-user_cfg', 'create role'), 'PUT /access/roles/{roleid}': lock('file-user_cfg', 'update role'), 'DELETE /access/roles/{roleid}': lock('file-user_cfg', 'delete role'),
  'POST /access/groups': lock('file-user_cfg', 'create group'), 'PUT /access/groups/{groupid}': lock('file-user_cfg', 'update group'), 'DELETE /access/groups/{groupid}': lock('file-user_cfg', 'delete group'),
  'POST /cluster/backup': lock('file-jobs_cfg'), 'PUT /cluster/backup/{id}': lock('file-jobs_cfg'), 'DELETE /cluster/backup/{id}': lock('file-jobs_cfg'),
};

/** Collections that live in one file of /etc/pve; their methods are refused alike. */
const BY_PREFIX: readonly (readonly [string, Refusal])[] = [
  ['/cluster/firewall', lock('firewall-cluster')],
  ['/cluster/mapping', lock('domain-pci-usb-mapping')],
  ['/cluster/jobs', lock('file-jobs_cfg')],
  ['/cluster/metrics', lock('file-status_cfg')],
  ['/cluster/notifications', lock('domain-notifications')],
  ['/access/domains', lock('file-domains_cfg')],
];

function refusalOf(call: Call): Refusal | undefined {
  const { method, path } = call.method;
  if (method === 'GET') return undefined;
  return EXACT[`${method} ${path}`] ?? BY_PREFIX.find(([prefix]) => path.startsWith(prefix))?.[1];
}
