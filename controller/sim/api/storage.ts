// Storage definitions of the simulated cluster: storage.cfg as the API reads and writes it.
import type { Json } from '../../model/json.ts';
import { changeFile } from '../cluster-file.ts';
import { groupBytes } from '../nodes/group-storage.ts';
import { storageText } from '../pmxcfs-text.ts';
import { sha1 } from '../section-config.ts';
import type { ConfigValue, StorageState } from '../state.ts';
import { allowedContent, defaultContent, isMounted, isSecret, isSharedType, optionRule, requiredOptions } from '../storage-types.ts';
import { isOnNode, storageOf } from '../volumes.ts';
import { failure, requiredText, text, type Call, type Routes } from './handler.ts';
import { routes as content } from './storage-content.ts';
import { routes as imports } from './storage-import.ts';
import { routes as status } from './storage-status.ts';

export const routes: Routes = {
  'GET /storage': (call) => Object.values(call.state.storages)
    .filter((storage) => mayList(call, storage.id)).filter((storage) => [undefined, storage.type].includes(text(call, 'type'))).map((storage) => shown(call, storage)),
  'POST /storage': create,
  'GET /storage/{storage}': (call) => shown(call, storageOf(call.state, requiredText(call, 'storage'))),
  'PUT /storage/{storage}': update,
  'DELETE /storage/{storage}': (call) => changeFile(call, 'storage.cfg', 'delete storage failed', () => {
    const { id } = existing(call);
    delete call.state.storages[id];
    writeLocal(call);
    return undefined;
  }),
  ...content, ...imports, ...status,
};

function mayList(call: Call, id: string): boolean {
  return ['Datastore.Audit', 'Datastore.AllocateSpace'].some((privilege) => call.caller.can(`/storage/${id}`, privilege));
}

function shown(call: Call, storage: StorageState): Json {
  return {
    storage: storage.id, type: storage.type, content: defaultContent(storage.type), ...(isSharedType(storage.type) ? { shared: 1 } : {}), ...storage.definition,
    digest: digestOf(call),
  };
}

/** Without a file Proxmox assumes `local`, and shows it with a priority. */
function digestOf(call: Call): string {
  return sha1(storageText(call.state));
}

function existing(call: Call): StorageState {
  const id = requiredText(call, 'storage');
  const storage = Object.hasOwn(call.state.storages, id) ? call.state.storages[id] : undefined;
  if (!storage) throw failure(`storage '${id}' does not exist`);
  return storage;
}

/** Once the file is written, `local` is in it like any other. */
function writeLocal(call: Call): void {
  delete call.state.storages.local?.definition.priority;
}

function create(call: Call): Promise<Json> {
  const id = requiredText(call, 'storage');
  const type = requiredText(call, 'type');
  const options = optionsOf(call, type);
  const missing = requiredOptions(type).find((name) => options[name] === undefined);
  if (missing !== undefined) throw failure(`missing value for required option '${missing}'`);
  return changeFile(call, 'storage.cfg', 'create storage failed', () => {
    if (call.state.storages[id]) throw failure(`storage ID '${id}' already defined`);
    const definition: Record<string, ConfigValue> = { content: defaultContent(type), ...options };
    if (isMounted(type)) definition.path ??= `/mnt/pve/${id}`;
    const capacityBytes = call.state.disks[String(definition.vgname ?? definition.path ?? id)] ?? groupBytes(call.state, { type, definition }, call.node);
    const storage: StorageState = { id, type, definition, volumes: {}, ...(capacityBytes === undefined ? {} : { capacityBytes }) };
    if (definition.disable !== 1 && isOnNode(storage, call.node)) activate(call, storage);
    call.state.storages[id] = storage;
    writeLocal(call);
    return { storage: id, type };
  });
}

/** What Proxmox looks for at once: the pools that a node has, told by its settings `lvmthin` and `zpools`. */
function activate(call: Call, { id, type, definition }: StorageState): void {
  const settings = call.state.nodes[call.node]?.settings ?? {};
  const thinpool = `${definition.vgname}/${definition.thinpool}`;
  if (type === 'lvmthin' && settings.lvmthin?.[thinpool] === undefined) throw failure(`no such logical volume ${thinpool}`);
  if (type === 'zfspool' && settings.zpools?.[String(definition.pool).split('/')[0] ?? ''] === undefined) {
    throw failure(`could not activate storage '${id}', zfs error: cannot import '${definition.pool}': no such pool available`);
  }
}

/** The options sent, without secrets and empty lists; dies when the kind does not have one. */
function optionsOf(call: Call, type: string): Record<string, ConfigValue> {
  const options: Record<string, ConfigValue> = {};
  for (const [name, value] of Object.entries(call.params)) {
    if (['storage', 'type', 'digest', 'delete'].includes(name) || typeof value === 'object') continue;
    if (optionRule(type, name) === undefined) throw failure(`unexpected property '${name}'`);
    if (isSecret(type, name)) continue;
    options[name] = value;
  }
  if (options.nodes === '' && call.method.method === 'POST') delete options.nodes;
  if (options.content !== undefined) options.content = contentOf(type, String(options.content));
  return options;
}

/** What the kind cannot hold is passed over with a warning that no client sees; nothing left is `none`. */
function contentOf(type: string, asked: string): string {
  const content = asked.split(/[,; ]+/).filter((one) => allowedContent(type).includes(one));
  if (content.includes('none') && content.length > 1) throw failure("unable to combine 'none' with other content types");
  if (content.length === 0 && !allowedContent(type).includes('none')) throw failure("storage does not support content type 'none'");
  return content.length === 0 ? 'none' : content.join(',');
}

function update(call: Call): Promise<Json> {
  return changeFile(call, 'storage.cfg', 'update storage failed', () => {
    const digest = text(call, 'digest');
    if (digest !== undefined && digest !== digestOf(call)) throw failure('detected modified configuration - file changed by other user? Try again.');
    const storage = existing(call);
    const { type } = storage;
    const options = optionsOf(call, type);
    const removed = (text(call, 'delete') ?? '').split(/[\s,;]+/).filter((name) => name !== '');
    for (const name of Object.keys(options)) {
      if (optionRule(type, name) !== 'free' && options[name] !== storage.definition[name]) throw failure(`can't change value of fixed parameter '${name}'`);
    }
    for (const name of removed) refuseToDelete(type, name, options);
    for (const name of removed) delete storage.definition[name];
    Object.assign(storage.definition, options);
    if (storage.definition.nodes === '') delete storage.definition.nodes;
    writeLocal(call);
    return { storage: storage.id, type };
  });
}

function refuseToDelete(type: string, name: string, options: Readonly<Record<string, ConfigValue>>): void {
  const rule = optionRule(type, name);
  if (rule === undefined) throw failure(`no such option '${name}'`);
  if (rule === 'required') throw failure(`unable to delete required option '${name}'`);
  if (rule === 'fixed') throw failure(`unable to delete fixed option '${name}'`);
  if (options[name] !== undefined) throw failure(`cannot set and delete property '${name}' at the same time!`);
}
