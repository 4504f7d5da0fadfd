// Resource mappings of the simulated cluster: one name for a device or a folder that each node has in its own place.
import type { JsonObject } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { digestOfSections } from '../section-config.ts';
import { failure, requiredText, text, type Call, type Handler, type Routes } from './handler.ts';

const KINDS = ['dir', 'pci', 'usb'] as const;
type Kind = (typeof KINDS)[number];

export const routes: Routes = {
  'GET /cluster/mapping': () => KINDS.map((name) => ({ name })),
  ...Object.fromEntries(KINDS.flatMap(routesOf)),
};

function routesOf(kind: Kind): readonly (readonly [string, Handler])[] {
  const path = `/cluster/mapping/${kind}`;
  return [
    [`GET ${path}`, (call) => Object.entries(all(call, kind)).filter(([id]) => maySee(call, kind, id)).map(([id, mapping]) => ({ id, type: kind, ...(mapping as JsonObject), digest: digestOf(call, kind) }))],
    [`POST ${path}`, (call) => changeFile(call, `mapping/${kind}.cfg`, `create ${kind} mapping failed`, () => {
      if (all(call, kind)[requiredText(call, 'id')]) throw failure(`${kind} ID '${requiredText(call, 'id')}' already defined`);
      return put(call, kind, sent(call));
    })],
    [`GET ${path}/{id}`, (call) => ({ type: kind, ...existing(call, kind), digest: digestOf(call, kind) })],
    [`PUT ${path}/{id}`, (call) => changeFile(call, `mapping/${kind}.cfg`, `update ${kind} mapping failed`, () => {
      const digest = text(call, 'digest');
      if (digest !== undefined && digest !== digestOf(call, kind)) throw failure('detected modified configuration - file changed by other user? Try again.');
      const kept: Record<string, JsonObject[string]> = { ...existing(call, kind) };
      for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/)) delete kept[name];
      return put(call, kind, { ...kept, ...sent(call) });
    })],
    [`DELETE ${path}/{id}`, (call) => changeFile(call, `mapping/${kind}.cfg`, `delete ${kind} mapping failed`, () => {
      call.state.other[key(kind)] = Object.fromEntries(Object.entries(all(call, kind)).filter(([id]) => id !== requiredText(call, 'id')));
      return undefined;
    })],
  ];
}

function key(kind: Kind): string {
  return `mapping-${kind}`;
}

function all(call: Call, kind: Kind): JsonObject {
  return call.state.other[key(kind)] ?? {};
}

function maySee(call: Call, kind: Kind, id: string): boolean {
  return ['Mapping.Use', 'Mapping.Modify', 'Mapping.Audit'].some((privilege) => call.caller.can(`/mapping/${kind}/${id}`, privilege));
}

function existing(call: Call, kind: Kind): JsonObject {
  const id = requiredText(call, 'id');
  const found = all(call, kind)[id];
  if (!found) throw failure(`${kind} mapping '${id}' not found`);
  return found as JsonObject;
}

function sent(call: Call): JsonObject {
  return Object.fromEntries(Object.entries(call.params).filter(([name]) => !['id', 'delete', 'digest'].includes(name)).map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]));
}

function put(call: Call, kind: Kind, mapping: JsonObject): undefined {
  call.state.other[key(kind)] = { ...all(call, kind), [requiredText(call, 'id')]: mapping };
  return undefined;
}

function digestOf(call: Call, kind: Kind): string {
  return digestOfSections(all(call, kind) as Readonly<Record<string, object>>);
}
