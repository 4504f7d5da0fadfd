// One pmxcfs process: what it counts since it started, and its dot files.
// In: the cluster's files as they are now. Out: `.version`, `.vmlist`, `.members` as this process tells them.
// Must never keep a counter over a restart: then everything is numbered anew.
import { LockTimers } from './pmxcfs-locks.ts';
import { clusterFileTexts } from './pmxcfs-text.ts';
import { digestOf } from './guest-config.ts';
import { isQuorate, membersSeenBy } from './quorum.ts';
import type { ClusterState } from './state.ts';

/** The files that are counted, whether they exist or not, in the order in which `.version` tells them. */
export const COUNTED_FILES: readonly string[] = [
  'corosync.conf', 'corosync.conf.new', 'storage.cfg', 'user.cfg', 'domains.cfg', 'notifications.cfg', 'priv/notifications.cfg', 'priv/shadow.cfg', 'priv/acme/plugins.cfg',
  'priv/tfa.cfg', 'priv/token.cfg', 'priv/wg-keys.cfg', 'datacenter.cfg', 'vzdump.cron', 'vzdump.conf', 'jobs.cfg', 'ha/crm_commands', 'ha/manager_status', 'ha/resources.cfg',
  'ha/rules.cfg', 'ha/groups.cfg', 'ha/fence.cfg', 'status.cfg', 'replication.cfg', 'ceph.conf', 'sdn/vnets.cfg', 'sdn/zones.cfg', 'sdn/controllers.cfg', 'sdn/subnets.cfg',
  'sdn/ipams.cfg', 'sdn/mac-cache.json', 'sdn/pve-ipam-state.json', 'sdn/dns.cfg', 'sdn/fabrics.cfg', 'sdn/route-maps.cfg', 'sdn/prefix-lists.cfg', 'sdn/.running-config',
  'virtual-guest/cpu-models.conf', 'virtual-guest/profiles.cfg', 'firewall/cluster.fw', 'mapping/directory.cfg', 'mapping/pci.cfg', 'mapping/usb.cfg',
];

interface Counted { readonly stamp: string; readonly version: number }

export class PmxcfsProcess {
  readonly timers = new LockTimers();
  /** Writes of others that this process has not received: its part of the cluster had no quorum. */
  missedWrites = false;
  resyncUntilMs = 0;
  /** Times that the members changed. */
  clinfo = 5;
  readonly #starttime: number;
  readonly #files = new Map<string, Counted>();
  readonly #guests = new Map<string, Counted>();
  #vmlist = 1;

  /** @param mountedAtMs from when on /etc/pve is there */
  constructor(readonly node: string, readonly mountedAtMs: number) {
    this.#starttime = Math.floor(mountedAtMs / 1000);
  }

  /** Counts what is not as it was; at its first look everything is new and stays uncounted. */
  look(state: ClusterState): void {
    const isFirst = this.#files.size === 0;
    const texts = clusterFileTexts(state);
    for (const path of COUNTED_FILES) {
      const stamp = texts.get(path) ?? '';
      const before = this.#files.get(path);
      if (before?.stamp !== stamp) this.#files.set(path, { stamp, version: isFirst ? 1 : (before?.version ?? 1) + 1 });
    }
    this.#lookAtGuests(state);
  }

  #lookAtGuests(state: ClusterState): void {
    for (const [vmid, guest] of Object.entries(state.guests)) {
      const stamp = `${guest.node} ${guest.type} ${digestOf(guest)}`;
      if (this.#guests.get(vmid)?.stamp !== stamp) this.#guests.set(vmid, { stamp, version: this.#vmlist++ });
    }
    for (const vmid of this.#guests.keys()) {
      if (state.guests[vmid]) continue;
      this.#guests.delete(vmid);
      this.#vmlist += 1;
    }
  }

  version(state: ClusterState): string {
    const files = COUNTED_FILES.map((path) => `"${path}": ${this.#files.get(path)?.version ?? 1},\n`).join('');
    const kvstore = Object.keys(state.nodes).map((node) => `"${node}": {\n"tasklist": ${tasklistOf(state, node)}}\n`).join(',\n');
    return `{\n"starttime": ${this.#starttime},\n"clinfo": ${this.clinfo},\n"vmlist": ${this.#vmlist},\n${files}"kvstore": {\n${kvstore}}\n}\n`;
  }

  vmlist(state: ClusterState): string {
    const ids = [...this.#guests].flatMap(([vmid, { version }]) => {
      const guest = state.guests[vmid];
      return guest ? [`"${vmid}": { "node": "${guest.node}", "type": "${guest.type}", "version": ${version} }`] : [];
    });
    return `{\n"version": ${this.#vmlist},\n"ids": {\n${ids.join(',\n')}}\n\n}\n`;
  }

  members(state: ClusterState): string {
    const online = membersSeenBy(state, this.node);
    const nodes = Object.values(state.nodes).map((node) => `  "${node.name}": { "id": ${node.nodeId}, "online": ${online.has(node.name) ? 1 : 0}, "ip": "${node.address}"}`);
    const cluster = `{ "name": "${state.clusterName}", "version": ${state.configVersion}, "nodes": ${nodes.length}, "quorate": ${isQuorate(state, this.node) ? 1 : 0} }`;
    return `{\n"nodename": "${this.node}",\n"version": ${this.clinfo},\n"cluster": ${cluster},\n"nodelist": {\n${nodes.join(',\n')}\n  }\n}\n`;
  }
}

/** Counts what a node told of its tasks: that one began, that one ended. */
function tasklistOf(state: ClusterState, node: string): number {
  const tasks = Object.values(state.tasks).filter((task) => task.node === node);
  return tasks.length + tasks.filter((task) => task.endtime !== undefined).length;
}
