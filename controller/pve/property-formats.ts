// The keys of the property-string formats that the API data gives by name only, per version, and what Proxmox checks
// beyond the single keys. Sources are named at each; read at the dates of our API tables.
import { reportedModels, cpuFlags, cpuTypes } from './cpu-models.ts';
import type { Keys, Param } from './param.ts';
import { isAtLeast } from './text-check.ts';

const text = (more: Param = {}): Param => ({ type: 'string', optional: 1, ...more });
const number = (more: Param = {}): Param => ({ type: 'integer', optional: 1, ...more });
const flag = (byDefault?: 0 | 1): Param => ({ type: 'boolean', optional: 1, ...(byDefault === undefined ? {} : { default: byDefault }) });
const volume = text({ format: 'pve-volume-id' });
const base64 = text({ pattern: '[A-Za-z0-9+\\/]+={0,2}' });
const hexId = text({ pattern: '(?^:^0x[0-9a-fA-F]{4}$)' });
const PCI = '(?^:(?:[a-f0-9]{4,}:)?[a-f0-9]{2}:[a-f0-9]{2}(?:\\.[a-f0-9])?)';
const CPU_FLAG = '(?^:([+-])([a-zA-Z0-9\\-_\\.]+))';

type Table = (version: string) => Keys;

// qemu-server QemuServer.pm
const watchdog: Table = () => ({
  model: text({ default_key: 1, enum: ['i6300esb', 'ib700'], default: 'i6300esb' }),
  action: text({ enum: ['reset', 'shutdown', 'poweroff', 'pause', 'debug', 'none'] }),
});
const smbios: Table = () => ({
  uuid: text({ pattern: '[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}' }),
  version: base64, serial: base64, manufacturer: base64, product: base64, sku: base64, family: base64, base64: flag(),
});
const cicustom: Table = () => ({ meta: volume, network: volume, user: volume, vendor: volume });
const boot: Table = () => ({
  legacy: text({ default_key: 1, pattern: '[acdn]{1,4}', default: 'cdn' }),
  order: text({ format: 'pve-qm-bootdev-list' }),
});

// qemu-server Network.pm
const ipconfig: Table = () => ({
  ip: text({ format: 'pve-ipv4-config', default: 'dhcp' }),
  gw: text({ format: 'ipv4', requires: 'ip' }),
  ip6: text({ format: 'pve-ipv6-config', default: 'dhcp' }),
  gw6: text({ format: 'ipv6', requires: 'ip6' }),
});

// qemu-server PCI.pm; mappings came with 8.0, `driver` with 9.1
const hostpci: Table = (version) => {
  const host: Param = { type: 'string', default_key: 1, pattern: `(?^:${PCI}(;${PCI})*)` };
  return {
    host: isAtLeast(version, '8.0') ? { ...host, optional: 1 } : host,
    ...(isAtLeast(version, '8.0') ? { mapping: text({ format: 'pve-configid' }) } : {}),
    rombar: flag(1), romfile: text({ pattern: '[^,;]+' }), pcie: flag(0), 'x-vga': flag(0), 'legacy-igd': flag(0),
    mdev: text({ pattern: '[^/\\.:]+' }),
    'vendor-id': hexId, 'device-id': hexId, 'sub-vendor-id': hexId, 'sub-device-id': hexId,
    ...(isAtLeast(version, '9.1') ? { driver: text({ enum: ['vfio', 'keep'], default: 'vfio' }) } : {}),
  };
};

// qemu-server RNG.pm
const rng: Table = () => ({
  source: { type: 'string', default_key: 1, enum: ['/dev/urandom', '/dev/random', '/dev/hwrng'] },
  max_bytes: number({ default: 1024 }),
  period: number({ default: 1000 }),
});

// qemu-server CPUConfig.pm; the two last keys came with 9.1 and 9.2
const cpu: Table = (version) => ({
  cputype: text({ default_key: 1, default: 'kvm64' }),
  'reported-model': text({ enum: reportedModels(version), default: 'kvm64' }),
  hidden: flag(0),
  'hv-vendor-id': text({ pattern: '(?^:[a-zA-Z0-9]{1,12})' }),
  flags: text({ pattern: `(?^:${CPU_FLAG}(;${CPU_FLAG})*)` }),
  'phys-bits': text({ format: 'pve-phys-bits' }),
  ...(isAtLeast(version, '9.1') ? { 'guest-phys-bits': number({ minimum: 32, maximum: 64 }) } : {}),
  ...(isAtLeast(version, '9.2') ? { level: number({ minimum: 0, maximum: 4294967295 }) } : {}),
});
const sev: Table = () => ({
  type: { type: 'string', default_key: 1, enum: ['std', 'es', 'snp'], maxLength: 3 },
  'no-debug': flag(0), 'no-key-sharing': flag(0), 'allow-smt': flag(1), 'kernel-hashes': flag(0),
});
const tdx: Table = () => ({
  type: { type: 'string', default_key: 1, enum: ['tdx'] },
  attestation: { type: 'boolean', default: 1 },
  'vsock-cid': number({ minimum: 2, default: 2 }),
  'vsock-port': number({ minimum: 0, default: 4050 }),
});

// pve-storage Plugin.pm
const keep = number({ minimum: 0 });
const prune: Table = () => ({
  'keep-all': flag(), 'keep-last': keep, 'keep-hourly': keep, 'keep-daily': keep, 'keep-weekly': keep, 'keep-monthly': keep, 'keep-yearly': keep,
});

// pve-guest-common VZDump/Common.pm
const performance: Table = (version) => ({
  'max-workers': number({ minimum: 1, maximum: 256, default: 16 }),
  ...(isAtLeast(version, '8.0') ? { 'pbs-entries-max': number({ minimum: 1, default: 1048576 }) } : {}),
});
const fleecing: Table = () => ({ enabled: { ...flag(0), default_key: 1 }, storage: text({ format: 'pve-storage-id' }) });

// pve-common JSONSchema.pm
const remote: Table = () => ({
  host: { type: 'string' }, port: number(), apitoken: { type: 'string' }, fingerprint: text({ pattern: '([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}' }),
});
const location: Table = () => ({
  name: text({ maxLength: 128 }),
  latitude: { type: 'number', minimum: -90, maximum: 90 },
  longitude: { type: 'number', minimum: -180, maximum: 180 },
});

// pve-access-control Auth/Plugin.pm
const realmSync: Table = () => ({
  scope: text({ enum: ['users', 'groups', 'both'] }),
  'remove-vanished': text({ pattern: '(?:(?:(?:acl|properties|entry);)*(?:acl|properties|entry))|none' }),
  full: flag(), 'enable-new': flag(1), purge: flag(),
});
const tfa: Table = () => ({
  type: { type: 'string', enum: ['yubico', 'oath'] }, id: text(), key: text(), url: text(),
  digits: number({ minimum: 6, maximum: 8, default: 6 }), step: number({ minimum: 10, default: 30 }),
});

// pve-network SubnetPlugin.pm
const dhcpRange: Table = () => ({ 'start-address': { type: 'string', format: 'ip' }, 'end-address': { type: 'string', format: 'ip' } });

const TABLES: Readonly<Record<string, Table>> = {
  'pve-qm-watchdog': watchdog, 'pve-qm-smbios1': smbios, 'pve-qm-cicustom': cicustom, 'pve-qm-boot': boot, 'pve-qm-ipconfig': ipconfig,
  'pve-qm-hostpci': hostpci, 'pve-qm-rng': rng, 'pve-vm-cpu-conf': cpu, 'pve-cpu-conf': cpu, 'pve-qemu-sev-fmt': sev, 'pve-qemu-tdx-fmt': tdx,
  'prune-backups': prune, 'backup-performance': performance, 'backup-fleecing': fleecing, 'proxmox-remote': remote,
  'pve-node-location': location, 'realm-sync-options': realmSync, 'pve-tfa-config': tfa, 'pve-sdn-dhcp-range': dhcpRange,
};

export function propertyKeys(format: string, version: string): Keys | undefined {
  return TABLES[format]?.(version);
}

type Values = Readonly<Record<string, string>>;

const CHECKS: Readonly<Record<string, (values: Values, version: string) => string | undefined>> = {
  'pve-vm-cpu-conf': (values, version) => {
    const type = values['cputype'];
    if (!type) return 'CPU is missing cputype';
    // Whether a custom model exists is known to the cluster alone.
    if (!type.startsWith('custom-') && !cpuTypes(version).includes(type)) return `Built-in cputype '${type}' is not defined (missing 'custom-' prefix?)`;
    const known = cpuFlags(version);
    const wrong = values['flags']?.split(';').some((one) => !known.includes(one.slice(1)));
    if (wrong) return `VM-specific CPU flags must be a subset of: ${known.join(', ')}`;
    return values['reported-model'] === undefined ? undefined : "Property 'reported-model' not allowed in VM-specific CPU config.";
  },
  'prune-backups': (values) => {
    const keeps = Object.entries(values).some(([key, value]) => key !== 'keep-all' && Number(value) > 0);
    return keeps && values['keep-all'] === '1' ? 'keep-all cannot be set together with other options.' : undefined;
  },
  'backup-fleecing': (values) => (values['enabled'] === '1' && !values['storage'] ? "'storage' parameter is required when 'enabled' is set" : undefined),
};

/** What Proxmox finds wrong in the keys of this format together, each being right by itself. */
export function checkTogether(format: string, values: Values, version: string): string | undefined {
  return CHECKS[format]?.(values, version);
}
