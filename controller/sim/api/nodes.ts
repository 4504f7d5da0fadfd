// The simulated API's methods about single nodes.
import { guestsRoutes } from './node-guests.ts';
import { hardwareRoutes } from './node-hardware.ts';
import { networkRoutes } from './node-network.ts';
import { serviceRoutes } from './node-services.ts';
import { settingsRoutes } from './node-settings.ts';
import { statusRoutes } from './node-status.ts';
import type { Routes } from './handler.ts';

const INDEX = [
  'aplinfo', 'apt', 'capabilities', 'ceph', 'certificates', 'config', 'disks', 'dns', 'firewall', 'hardware', 'hosts', 'journal', 'lxc', 'migrateall', 'netstat', 'network', 'qemu',
  'query-oci-repo-tags', 'query-url-metadata', 'replication', 'report', 'rrd', 'rrddata', 'scan', 'sdn', 'services', 'spiceshell', 'startall', 'status', 'stopall', 'storage',
  'subscription', 'suspendall', 'syslog', 'tasks', 'termproxy', 'time', 'version', 'vncshell', 'vzdump', 'wakeonlan',
];

export const routes: Routes = {
  'GET /nodes/{node}': (call) => INDEX.filter((name) => call.sim.tables.knows(`/nodes/x/${name}`)).map((name) => ({ name })),
  ...statusRoutes, ...settingsRoutes, ...networkRoutes, ...serviceRoutes, ...guestsRoutes, ...hardwareRoutes,
};
