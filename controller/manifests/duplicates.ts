import type { DesiredObject } from '../model/desired.ts';
import type { Finding, Place } from '../model/finding.ts';
import { isObject } from '../model/json.ts';
import type { Registry } from '../model/kind.ts';
import { refText } from '../model/ref.ts';
import type { Ref } from '../model/ref.ts';
import { whereNamed } from './references.ts';
import type { Head } from './shape.ts';

export const GUEST_KINDS: readonly string[] = ['VirtualMachine', 'Container'];

export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

export function duplicateRefs(heads: readonly Head[]): readonly Finding[] {
  return repeated(heads, (head) => [refText(head.ref)]).map(({ key, first, again }) => ({
    code: 'DUPLICATE', severity: 'error', ref: again.ref, place: again.document.place('/metadata/name'),
    fact: `${key} is defined already at ${placeText(first.document.place('/metadata/name'))}`, fix: 'rename or remove one of the two',
  }));
}

/** Two objects that would be the same object of the cluster. */
export function duplicateIds(objects: readonly DesiredObject[], registry: Registry): readonly Finding[] {
  const idOf = (object: DesiredObject): { readonly space: string; readonly id: string } => {
    const kind = registry.get(object.ref.kind);
    return { space: kind?.idSpace ?? '', id: kind?.id(object) ?? '' };
  };
  const placeOf = (object: DesiredObject, id: string): Place => object.place(whereId(object, id));
  return repeated(objects, (object) => [`${idOf(object).space}\n${idOf(object).id}`]).map(({ first, again }) => {
    const { space, id } = idOf(again);
    return {
      code: 'DUPLICATE', severity: 'error', ref: again.ref, place: placeOf(again, id),
      fact: `the ${space} ${id} is taken already by ${refText(first.ref)} at ${placeText(placeOf(first, id))}`, fix: 'give one of the two another',
    };
  });
}

/** A VMID is written as a number, other ids are names. */
function whereId(object: DesiredObject, id: string): string {
  if (isObject(object.spec) && String(object.spec['vmid']) === id) return '/spec/vmid';
  const written = whereNamed(object, id);
  return written === '/spec' ? '/metadata/name' : written;
}

/** A network card's address that two cards claim: both would lose packets. */
export function duplicateMacs(objects: readonly DesiredObject[]): readonly Finding[] {
  const cards = objects.filter((object) => GUEST_KINDS.includes(object.ref.kind)).flatMap(cardsOf);
  return repeated(cards, (card) => [card.mac]).map(({ key, first, again }) => ({
    code: 'DUPLICATE', severity: 'error', ref: again.object.ref, place: again.object.place(again.at),
    fact: `the MAC address ${key} is used already by ${first.at.slice('/spec/config/'.length)} of ${refText(first.object.ref)} at ${placeText(first.object.place(first.at))}`,
    fix: 'remove one of the two, and Proxmox will make one up',
  }));
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

function cardsOf(object: DesiredObject): readonly { readonly mac: string; readonly object: DesiredObject; readonly at: string }[] {
  const config = isObject(object.spec) ? object.spec['config'] : undefined;
  return Object.entries(isObject(config) ? config : {}).filter(([slot]) => /^net\d+$/.test(slot)).flatMap(([slot, card]) => {
    // `virtio=MAC,bridge=vmbr0`, `virtio,macaddr=MAC`, `{ model: virtio, macaddr: MAC }`, `{ virtio: MAC }`, `name=eth0,hwaddr=MAC`
    const values = typeof card === 'string' ? card.split(',').map((part) => part.slice(part.indexOf('=') + 1).trim()) : Object.values(isObject(card) ? card : {});
    return values.filter((value): value is string => typeof value === 'string' && MAC.test(value)).slice(0, 1)
      .map((mac) => ({ mac: mac.toUpperCase(), object, at: `/spec/config/${slot}` }));
  });
}

/** Proxmox allows it; people, DNS and backups do not tell them apart. */
export function duplicateGuestNames(objects: readonly DesiredObject[]): readonly Finding[] {
  const guests = objects.filter((object) => GUEST_KINDS.includes(object.ref.kind)).map((object) => ({ object, ...guestName(object) }));
  return repeated(guests, (guest) => [guest.name.toLowerCase()]).map(({ first, again }) => ({
    code: 'DUPLICATE', severity: 'warning', ref: again.object.ref, place: again.object.place(again.at),
    fact: `the guest ${refText(first.object.ref)} at ${placeText(first.object.place(first.at))} has the name "${again.name}" too`, fix: 'rename one of the two',
  }));
}

function guestName(object: DesiredObject): { readonly name: string; readonly at: string } {
  const config = isObject(object.spec) && isObject(object.spec['config']) ? object.spec['config'] : {};
  for (const option of ['name', 'hostname']) {
    const name = config[option];
    if (typeof name === 'string') return { name, at: `/spec/config/${option}` };
  }
  return { name: object.ref.name, at: '/metadata/name' };
}

/** Everything whose key somebody before it has, with that somebody. */
function repeated<T>(all: readonly T[], keysOf: (one: T) => readonly string[]): readonly { readonly key: string; readonly first: T; readonly again: T }[] {
  const seen = new Map<string, T>();
  return all.flatMap((again) => keysOf(again).flatMap((key) => {
    const first = seen.get(key);
    if (first !== undefined) return [{ key, first, again }];
    seen.set(key, again);
    return [];
  }));
}

export function firstOfEach(heads: readonly Head[]): readonly Head[] {
  const again = new Set(repeated(heads, (head) => [refText(head.ref)]).map((one) => one.again));
  return heads.filter((head) => !again.has(head));
}

export function refsOf(heads: readonly Head[]): readonly Ref[] {
  return heads.map((head) => head.ref);
}
