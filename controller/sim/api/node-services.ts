// The services of a simulated node: those that Proxmox watches, as systemd would tell of them.
import type { Json, JsonObject } from '../../model/json.ts';
import { startTask } from '../tasks.ts';
import { requiredText, type Call, type Handler, type Routes } from './handler.ts';

const SERVICES: Readonly<Record<string, string>> = {
  chrony: 'chrony, an NTP client/server', corosync: 'Corosync Cluster Engine', cron: 'Regular background program processing daemon', ksmtuned: 'Kernel Samepage Merging (KSM) Tuning Daemon',
  lxcfs: 'FUSE filesystem for LXC', postfix: 'Postfix Mail Transport Agent', 'proxmox-firewall': 'Proxmox nftables firewall', 'pve-cluster': 'The Proxmox VE cluster filesystem',
  'pve-firewall': 'Proxmox VE firewall', 'pve-ha-crm': 'PVE Cluster HA Resource Manager Daemon', 'pve-ha-lrm': 'PVE Local HA Resource Manager Daemon', 'pve-lxc-syscalld': 'Proxmox VE LXC Syscall Daemon',
  pvedaemon: 'PVE API Daemon', 'pvefw-logger': 'Proxmox VE firewall logger', pveproxy: 'PVE API Proxy Server', pvescheduler: 'Proxmox VE scheduler', pvestatd: 'PVE Status Daemon',
  qmeventd: 'PVE Qemu Event Daemon', spiceproxy: 'PVE SPICE Proxy Server', sshd: 'OpenBSD Secure Shell server', syslog: 'System Logging Service', 'systemd-journald': 'Journal Service', 'systemd-timesyncd': 'Network Time Synchronization',
};
const NOT_INSTALLED: ReadonlySet<string> = new Set(['syslog', 'systemd-timesyncd', 'proxmox-firewall']);

export const serviceRoutes: Routes = {
  'GET /nodes/{node}/services': (call) => Object.keys(SERVICES).map((name) => stateOf(call, name)),
  'GET /nodes/{node}/services/{service}': () => ['state', 'start', 'stop', 'restart', 'reload'].map((subdir) => ({ subdir })),
  'GET /nodes/{node}/services/{service}/state': (call) => stateOf(call, requiredText(call, 'service')),
  ...Object.fromEntries((['start', 'stop', 'restart', 'reload'] as const).map((verb) => [`POST /nodes/{node}/services/{service}/${verb}`, order(verb)])),
};

function stateOf(call: Call, name: string): JsonObject {
  const dead = isStopped(call, name) || NOT_INSTALLED.has(name);
  return {
    service: name, name, desc: NOT_INSTALLED.has(name) ? `${name}.service` : SERVICES[name] ?? name, state: dead ? 'dead' : 'running',
    'active-state': dead ? 'inactive' : 'active', 'unit-state': NOT_INSTALLED.has(name) ? 'not-found' : 'enabled',
  };
}

const SYSTEMCTL_MS = 800;

function order(verb: 'start' | 'stop' | 'restart' | 'reload'): Handler {
  return (call): Json => {
    const name = requiredText(call, 'service');
    return startTask(call, `srv${verb}`, name, async (task) => {
      await task.sleep(SYSTEMCTL_MS);
      if (NOT_INSTALLED.has(name)) throw new Error(`command 'systemctl ${verb} ${name}' failed: exit code 5`);
      setStopped(call, name, verb === 'stop');
    });
  };
}

/** The two daemons whose absence other nodes feel are part of the cluster's own state. */
function isDaemon(name: string): name is 'pvedaemon' | 'pveproxy' {
  return name === 'pvedaemon' || name === 'pveproxy';
}

function isStopped(call: Call, name: string): boolean {
  if (isDaemon(name)) return call.state.ha.corosync.stopped[call.node]?.includes(name) ?? false;
  return call.state.nodes[call.node]?.settings.stopped?.[name] === 1;
}

function setStopped(call: Call, name: string, isNowStopped: boolean): void {
  const node = call.state.nodes[call.node];
  if (isDaemon(name)) {
    const others = (call.state.ha.corosync.stopped[call.node] ?? []).filter((one) => one !== name);
    call.state.ha.corosync.stopped[call.node] = isNowStopped ? [...others, name] : others;
  } else if (node) node.settings.stopped = { ...node.settings.stopped, [name]: isNowStopped ? 1 : 0 };
}
