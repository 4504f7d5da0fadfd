// What a simulated node is made of: one disk, no devices to pass through, no Ceph.
import { failure, requiredText, type Call, type Routes } from './handler.ts';

const DISK_BYTES = 256 * 2 ** 30;

export const hardwareRoutes: Routes = {
  'GET /nodes/{node}/disks': () => ['list', 'smart', 'directory', 'lvm', 'lvmthin', 'zfs', 'initgpt', 'wipedisk'].map((name) => ({ name })),
  'GET /nodes/{node}/disks/list': () => [{
    devpath: '/dev/vda', type: 'unknown', size: DISK_BYTES, used: 'mounted', mounted: 1, gpt: 0, model: 'unknown', serial: 'unknown', vendor: '0x1af4', wwn: 'unknown', rpm: -1,
    health: 'UNKNOWN', wearout: 'N/A', osdid: -1, 'osdid-list': null,
  }],
  'GET /nodes/{node}/disks/lvm': (call) => ({ leaf: 0, children: Object.keys(settingsOf(call).lvm ?? {}).map((name) => ({ name, leaf: 0, children: [], size: DISK_BYTES, free: 0, lvcount: 0 })) }),
  'GET /nodes/{node}/disks/zfs': (call) => {
    const pools = settingsOf(call).zpools;
    if (!pools) throw failure('zfsutils-linux not installed');
    return Object.keys(pools).map((name) => ({ name, size: DISK_BYTES, free: DISK_BYTES, alloc: 0, frag: 0, dedup: 1, health: 'ONLINE' }));
  },
  'GET /nodes/{node}/hardware/pci': () => [],
  'GET /nodes/{node}/hardware/usb': () => [],
  'GET /nodes/{node}/capabilities/qemu/migration': () => ({ 'has-dbus-vmstate': false }),
  'GET /nodes/{node}/netstat': () => [],
  'GET /nodes/{node}/replication': () => [],
  'GET /nodes/{node}/sdn/zones': () => [],
  'GET /nodes/{node}/ceph/status': () => {
    throw failure('binary not installed: /usr/bin/ceph-mon');
  },
  'POST /nodes/{node}/wakeonlan': (call) => {
    const target = requiredText(call, 'node');
    if (target === call.via) throw failure(`'${target}' is local node, cannot wake my self!`);
    const mac = call.state.nodes[target]?.settings.config?.wakeonlan;
    if (mac === undefined) throw failure(`No wake on LAN MAC address defined for '${target}'!`);
    call.sim.powerOn(target);
    return String(mac);
  },
};

function settingsOf(call: Call): Readonly<Record<string, object>> {
  return call.state.nodes[call.node]?.settings ?? {};
}
