// In: the files of keepalived on a node. Out: its instances, and what `keepalived -t` would say against them. Pure.
import { parseKeepalived } from '../../virtual-ip/keepalived-file.ts';
import type { VrrpInstance } from '../../virtual-ip/keepalived-file.ts';
import { parseIp, parsePrefixed } from '../../virtual-ip/ip.ts';
import type { Host } from './state.ts';
import type { VrrpSettings } from './virtual-ip-state.ts';

export interface KeepalivedConfig {
  readonly instances: readonly VrrpSettings[];
  /** What is wrong, and the exit code of `keepalived -t`. */
  readonly trouble?: { readonly text: string; readonly code: 4 | 5 };
}

const BAD_INTERFACE = 4;
const BAD_CONFIG = 5;
/** keepalived takes no more characters of a password. */
const PASSWORD_MAX = 8;

/** @param main the text of the main file, or of one that shall become it */
export function readKeepalived(main: string, { files, addresses }: Pick<Host, 'files' | 'addresses'>): KeepalivedConfig {
  const instances: VrrpSettings[] = [];
  for (const text of [main, ...includedBy(main, files)]) {
    const parsed = parseKeepalived(text);
    if (!parsed) return { instances, trouble: { text: 'Missing \'}\' in configuration', code: BAD_CONFIG } };
    instances.push(...parsed.instances.map((instance) => settingsOf(instance, text, addresses)));
  }
  const trouble = instances.map((one, at) => troubleOf(one, instances.slice(0, at), addresses)).find((each) => each !== undefined);
  return { instances, ...(trouble ? { trouble } : {}) };
}

/** Texts of files that an `include` with a star in its last part means, in the order of their names. */
function includedBy(main: string, files: Host['files']): readonly string[] {
  const patterns = (parseKeepalived(main)?.includes ?? []).map((path) => new RegExp(`^${path.split('*').map((piece) => piece.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')).join('[^/]*')}$`));
  return patterns.flatMap((pattern) => Object.keys(files).filter((path) => pattern.test(path)).sort().map((path) => files[path] ?? ''));
}

function settingsOf(instance: VrrpInstance, text: string, addresses: Host['addresses']): VrrpSettings {
  const { name, interface: device = '', routerId = 0, priority = 100, version = 2, advertSeconds = 1, preempt, peers } = instance;
  const own = textOfInstance(text, name);
  const [, password] = /^\s*auth_pass\s+(\S+)/m.exec(own) ?? [];
  const [, note] = /^\s*notify_master\s+"\/usr\/bin\/touch (\S+)\.MASTER"/m.exec(own) ?? [];
  return {
    name, interface: device, routerId, priority, version, advertMs: Math.round(advertSeconds * 1000), preempt, peers,
    source: instance.source ?? addresses.find((one) => one.interface === device)?.address.split('/')[0] ?? '',
    addresses: instance.addresses.map((address) => (address.includes('/') ? address : `${address}/${address.includes(':') ? 128 : 32}`)),
    ...(password === undefined ? {} : { password }), ...(note === undefined ? {} : { note }),
  };
}

/** From its first line to the next instance: for values that are one line each. */
function textOfInstance(text: string, name: string): string {
  const [, ...pieces] = text.split(/^\s*vrrp_instance\s+/m);
  return pieces.find((piece) => piece.split(/[\s{]/)[0] === name) ?? '';
}

function troubleOf(one: VrrpSettings, before: readonly VrrpSettings[], addresses: Host['addresses']): KeepalivedConfig['trouble'] {
  const wrong = (text: string, code: 4 | 5 = BAD_CONFIG) => ({ text: `(${one.name}) ${text}`, code });
  const other = before.find((each) => each.routerId === one.routerId && each.interface === one.interface && familyOf(each) === familyOf(one));
  const badAddress = one.addresses.find((address) => !parsePrefixed(address));
  if (!addresses.some(({ interface: device }) => device === one.interface)) return wrong(`interface ${one.interface} doesn't exist`, BAD_INTERFACE);
  if (other) return wrong(`duplicate VRID conflict with ${other.name} VRID ${one.routerId}`);
  if (one.routerId < 1 || one.routerId > 255) return wrong(`VRID '${one.routerId}' must be between 1 and 255 inclusive`);
  if (one.priority < 1 || one.priority > 255) return wrong(`Priority '${one.priority}' must be between 1 and 255 inclusive`);
  if (one.version === 2 && one.advertMs % 1000 !== 0) return wrong('advert_int is not whole seconds, which VRRP version 2 needs');
  if (badAddress !== undefined) return wrong(`invalid address '${badAddress}'`);
  if ([one.source, ...one.peers].some((address) => !parseIp(address))) return wrong('an address of the nodes is invalid');
  if (one.password !== undefined && one.password.length > PASSWORD_MAX) return wrong(`Truncating auth_pass to ${PASSWORD_MAX} characters`);
  return undefined;
}

export function familyOf({ addresses }: Pick<VrrpSettings, 'addresses'>): 4 | 6 {
  return addresses[0]?.includes(':') ? 6 : 4;
}
