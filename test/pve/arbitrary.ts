// Random values for any parameter of guests, from its own definition: valid ones as Proxmox accepts them, and wrong
// ones that it must refuse. Formats have generators of their own, written without the checks that they test.
import fc from 'fast-check';
import { isOptional, type Keys, type Param } from '../../controller/pve/param.ts';
import { cpuFlags, cpuTypes } from '../../controller/pve/cpu-models.ts';
import { defaultKey, printProperties } from '../../controller/pve/property-parts.ts';

type Text = fc.Arbitrary<string>;

const hex = (length: number): Text => fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map((digits) => digits.join(''));
const word: Text = fc.stringMatching(/^[a-z][a-z0-9]{1,7}$/);
const anyText: Text = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9 ._-]{4,12}$/);
const octet = fc.integer({ min: 0, max: 255 });
const ipv4: Text = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const ipv6: Text = fc.oneof(
  fc.array(hex(4), { minLength: 8, maxLength: 8 }).map((parts) => parts.join(':')),
  hex(4).map((part) => `fe80::${part}`),
  fc.constant('::1'),
);
const cidrv4: Text = fc.tuple(ipv4, fc.integer({ min: 8, max: 32 })).map((parts) => parts.join('/'));
const cidrv6: Text = fc.tuple(ipv6, fc.integer({ min: 8, max: 128 })).map((parts) => parts.join('/'));
const dnsName: Text = fc.array(word, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
const volumeId: Text = fc.tuple(fc.constantFrom('local', 'local-lvm', 'disk-virtual'), fc.constantFrom('vm-100-disk-0', '100/vm-100-disk-1.qcow2', 'iso/a.iso', '20', '0.5')).map((parts) => parts.join(':'));
const absolutePath: Text = word.map((name) => `/srv/${name}`);
const size: Text = fc.tuple(fc.integer({ min: 1, max: 9999 }), fc.constantFrom('', 'K', 'M', 'G', 'T')).map((parts) => parts.join(''));
const mac: Text = hex(8).map((text) => `BC:24:${(text.match(/../g) ?? []).join(':')}`);
const listOf = (one: Text, separator: string): Text => fc.uniqueArray(one, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(separator));
const device: Text = fc.constantFrom('scsi0', 'ide2', 'virtio15', 'net0', 'sata5', 'usb3', 'hostpci0');
const cpuRange: Text = fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 0, max: 63 })).map(([a, b]) => (a === b ? `${a}` : `${Math.min(a, b)}-${Math.max(a, b)}`));

const FORMATS: Readonly<Record<string, Text>> = {
  'pve-cpuset': listOf(cpuRange, ','), 'pve-qm-bootdisk': fc.constantFrom('ide0', 'scsi30', 'virtio0', 'sata1'), 'pve-qm-bootdev-list': listOf(device, ';'),
  'pve-volume-id': volumeId, 'pve-volume-id-or-qm-path': fc.oneof(volumeId, absolutePath, fc.constantFrom('none', 'cdrom')),
  'pve-volume-id-or-absolute-path': fc.oneof(volumeId, absolutePath), 'disk-size': size,
  'pve-hotplug-features': fc.oneof(fc.constantFrom('0', '1'), listOf(fc.constantFrom('network', 'disk', 'usb', 'memory', 'cpu', 'cloudinit'), ',')),
  urlencoded: fc.string({ minLength: 1, maxLength: 12 }).map(encodeURIComponent), 'dns-name': dnsName, 'dns-name-list': listOf(dnsName, ' '),
  'address-list': listOf(fc.oneof(ipv4, ipv6, dnsName), ' '), 'pve-bridge-id': word.map((name) => `vmbr_${name}`), 'mac-addr': mac, 'pve-node': word, 'pve-poolid': word,
  'pve-storage-id': word, 'pve-configid': word, 'pve-tag-list': listOf(fc.stringMatching(/^[A-Za-z0-9_][a-z0-9_.+-]{0,6}$/), ';'), 'pve-vmid': fc.integer({ min: 100, max: 999_999_999 }).map(String),
  'pve-startup-order': fc.record({ order: fc.nat(99), up: fc.nat(300), down: fc.nat(300) }, { requiredKeys: ['order'] }).map((parts) => Object.entries(parts).map(([key, value]) => `${key}=${value}`).join(',')),
  'pve-qm-usb-device': fc.oneof(fc.tuple(hex(4), hex(4)).map((ids) => ids.join(':')), fc.constantFrom('spice', '1-2.3')), 'pve-phys-bits': fc.oneof(fc.constant('host'), fc.integer({ min: 8, max: 64 }).map(String)),
  'pve-lxc-mp-string': fc.oneof(volumeId, absolutePath), 'pve-lxc-dev-string': word.map((name) => `/dev/${name}`), ipv4, ipv6,
  'pve-ipv4-config': fc.oneof(cidrv4, fc.constantFrom('dhcp', 'manual')), 'pve-ipv6-config': fc.oneof(cidrv6, fc.constantFrom('dhcp', 'auto', 'manual')),
  'lxc-ip-with-ll-iface-list': listOf(fc.oneof(ipv4, ipv6, hex(4).map((part) => `fe80::${part}%eth0`)), ' '), 'pve-ct-timezone': fc.constantFrom('host', 'UTC', 'Europe/Vienna', 'America/Argentina/Buenos_Aires'),
};

/** A container's `env`: NUL between the variables. */
const environment: Text = listOf(fc.tuple(fc.stringMatching(/^[A-Z_]{1,5}$/), fc.stringMatching(/^[ -~]{0,6}$/)).map((parts) => parts.join('=')), '\0');

/** A valid value of the parameter. Throws for a format without a generator, so that a new one is not passed over. */
export function arbitraryValue(param: Param, version: string): fc.Arbitrary<string | number> {
  const fits = (text: string) => text.length <= (param.maxLength ?? Infinity) && text.length >= (param.minLength ?? 0);
  if (param.enum) return fc.constantFrom(...param.enum);
  if (param.type === 'boolean') return fc.constantFrom<string | number>(0, 1, '0', '1');
  if (param.type === 'integer' || param.type === 'number') return numberOf(param);
  if (typeof param.format === 'object') return propertyString(param.format, param.named, version).filter(fits);
  if (param.format !== undefined && param.pattern === undefined) {
    const text = FORMATS[param.format];
    if (!text) throw new Error(`no generator for the format ${param.format}`);
    return text.filter(fits);
  }
  return (param.format === undefined ? plainText(param) : (FORMATS[param.format] ?? plainText(param))).filter(fits);
}

function numberOf(param: Param): fc.Arbitrary<number | string> {
  const isVmid = param.format === 'pve-vmid'; // 7.4 says a minimum of 1, yet the format wants three digits
  const min = isVmid ? 100 : Number(param.minimum ?? 0);
  const max = isVmid ? 999_999_999 : Number(param.maximum ?? Math.max(min, 1) * 1000);
  const whole = fc.integer({ min: Math.ceil(min), max: Math.floor(max) });
  const one = param.type === 'integer' ? whole : fc.oneof(whole, whole.map((number) => (number + 0.5 <= max ? number + 0.5 : number)));
  return fc.oneof(one, one.map(String));
}

/** By pattern: making one costs more than what is drawn from it. */
const matching = new Map<string, Text>();

/** The pattern as JavaScript has it, with one group around it so that it describes the whole text. */
function plainText(param: Param): Text {
  if (param.pattern === undefined) return anyText;
  if (param.pattern.includes('\\0\\w+=')) return environment;
  const source = param.pattern.replaceAll(/\(\?\^[a-z]*:\^?/g, '(?:').replaceAll('$)', ')').replaceAll(/\{,(\d+)\}/g, '{0,$1}');
  const isPlain = (text: string) => /^[\x20-\x7e\0]+$/.test(text) && text.trim() !== '';
  const known = matching.get(source) ?? fc.stringMatching(new RegExp(`^(?:${source})$`), { size: 'xsmall' }).filter(isPlain);
  matching.set(source, known);
  return known;
}

function propertyString(keys: Keys, format: string | undefined, version: string): Text {
  return propertyValues(keys, format, version).map((values) => printProperties(keys, values)).filter((text) => text !== '');
}

/** The keys and values of a valid property string. */
export function propertyValues(keys: Keys, format: string | undefined, version: string): fc.Arbitrary<Readonly<Record<string, string>>> {
  const isUsable = (key: string) => keys[key]?.alias === undefined && key !== 'reported-model' && !(format === 'pve-vm-cpu-conf' && (key === 'cputype' || key === 'flags'));
  const usable = Object.keys(keys).filter(isUsable);
  const texts = Object.fromEntries(usable.map((key) => [key, arbitraryValue(keys[key] as Param, version).map(String).filter((text) => text !== '' && !text.includes(','))]));
  const required = usable.filter((key) => !isOptional(keys[key] as Param) || keys[key]?.default_key);
  return fc.tuple(fc.record(texts, { requiredKeys: required }), cpuValues(format, version)).map(([values, cpu]) => withoutLonely(keys, { ...values, ...cpu } as Record<string, string>));
}

/** CPU types and flags are enumerations that the API data does not have. */
function cpuValues(format: string | undefined, version: string): fc.Arbitrary<Record<string, string>> {
  if (format !== 'pve-vm-cpu-conf') return fc.constant({});
  const flag = fc.tuple(fc.constantFrom('+', '-'), fc.constantFrom(...cpuFlags(version))).map((parts) => parts.join(''));
  return fc.record({ cputype: fc.constantFrom(...cpuTypes(version), 'custom-mine'), flags: listOf(flag, ';') }, { requiredKeys: ['cputype'] }) as fc.Arbitrary<Record<string, string>>;
}

/** Keys whose `requires` is absent go. */
function withoutLonely(keys: Keys, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([key]) => {
    const needed = keys[key]?.requires;
    return needed === undefined || values[needed] !== undefined;
  }));
}

/** A value that Proxmox must refuse; nothing when the parameter takes any text. */
export function arbitraryWrongValue(param: Param, version: string): fc.Arbitrary<unknown> | undefined {
  if (param.enum) return fc.string().filter((text) => !param.enum?.includes(text));
  if (param.type === 'boolean') return fc.constantFrom<unknown>('yes', 'maybe', '2', '', 3, ['1']);
  if (param.type === 'integer' || param.type === 'number') return fc.oneof(fc.constantFrom<unknown>('x', '', '1.2.3', [1], { a: 1 }), ...outOfRange(param));
  if (typeof param.format === 'object') return wrongPropertyString(param.format, param.named, version);
  if (param.format !== undefined) return fc.constantFrom<unknown>(...WRONG_TEXTS[param.format] ?? [['a list'], { a: 1 }]);
  if (param.maxLength !== undefined) return fc.constant('x'.repeat(param.maxLength + 1));
  return fc.constantFrom<unknown>(['a list'], { a: 1 }, true);
}

function outOfRange(param: Param): readonly fc.Arbitrary<unknown>[] {
  const above = param.maximum === undefined ? [] : [fc.integer({ min: 1, max: 1000 }).map((more) => Number(param.maximum) + more)];
  const below = param.minimum === undefined ? [] : [fc.integer({ min: 1, max: 1000 }).map((less) => Number(param.minimum) - less)];
  return [...above, ...below];
}

const WRONG_TEXTS: Readonly<Record<string, readonly string[]>> = {
  'pve-cpuset': ['a', '3-1', '1;2'], 'dns-name': ['bad_name', 'a..b', '-a', ''], 'pve-tag-list': ['a!', 'ok,b@d'], 'pve-vmid': ['99', '1e3'],
  'pve-hotplug-features': ['net', '2', 'disk,gpu'], 'pve-startup-order': ['a', 'up=', ''], 'pve-qm-bootdisk': ['scsi31', 'net0'], urlencoded: ['a b', 'ä'],
  'address-list': ['a b_c'], 'pve-storage-id': ['x', '1x', 'a b'], 'pve-volume-id': ['x', 'a:1', ':b'], 'pve-ct-timezone': ['Mars/Base', 'vienna'],
  'lxc-ip-with-ll-iface-list': ['host', '1.2.3'], 'pve-node': ['a_b', ''], 'pve-poolid': ['a b', 'a/b/c/d'], 'dns-name-list': ['a_b'],
};

function wrongPropertyString(keys: Keys, format: string | undefined, version: string): Text {
  const valid = propertyString(keys, format, version);
  const bare = defaultKey(keys);
  const numbers = Object.entries(keys).filter(([, param]) => (param.type === 'integer' || param.type === 'boolean') && !param.default_key).map(([key]) => key);
  return fc.oneof(
    valid.map((text) => `${text},no-such-key=1`),
    valid.map((text) => `${text},=1`),
    valid.map((text) => (bare === undefined ? `${text},bare` : `${text},bare,again`)),
    ...(numbers.length === 0 ? [] : [fc.tuple(valid, fc.constantFrom(...numbers)).map(([text, key]) => `${text},${key}=not-a-number`)]),
  );
}
