// Files brought into the simulated cluster's storages: uploaded, or fetched from elsewhere.
import type { Json } from '../../model/json.ts';
import { isObject } from '../../model/json.ts';
import type { StorageState } from '../state.ts';
import { startTask } from '../tasks.ts';
import { enabledStorage, holds, volumePath, volumesAt } from '../volumes.ts';
import { failure, parameterError, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'POST /nodes/{node}/storage/{storage}/upload': upload,
  'POST /nodes/{node}/storage/{storage}/download-url': download,
  'GET /nodes/{node}/query-url-metadata': (call) => {
    const url = requiredText(call, 'url');
    const refusal = refusedBy(url);
    if (refusal !== undefined) throw failure(`invalid server response: '500 Can't connect to ${refusal} (Connection refused)'`);
    return { filename: url.slice(url.lastIndexOf('/') + 1), mimetype: 'application/octet-stream', size: sizeOf(call, url) };
  },
};

const EXTENSIONS: Readonly<Record<string, RegExp>> = { iso: /\.(?:iso|img)$/i, vztmpl: /\.tar\.(?:gz|xz|zst|bz2)$/i, import: /\.(?:ova|ovf|qcow2|raw|vmdk)$/i, snippets: /./ };
const FOLDERS: Readonly<Record<string, string>> = { iso: 'iso', vztmpl: 'vztmpl', import: 'import' };

interface Target { readonly storage: StorageState; readonly name: string; readonly content: string }

function targetOf(call: Call): Target {
  const storage = enabledStorage(call.state, requiredText(call, 'storage'), call.node);
  const content = requiredText(call, 'content');
  const filename = requiredText(call, 'filename').replaceAll(/^.*[/\\]/g, '').replaceAll(/[^-a-zA-Z0-9_.+]/g, '_');
  if (!EXTENSIONS[content]?.test(filename)) throw parameterError({ filename: 'wrong file extension' });
  if (!holds(storage, content)) throw failure(`storage '${storage.id}' does not support '${content}' content`);
  return { storage, content, name: `${FOLDERS[content] ?? content}/${filename}` };
}

function place(call: Call, { storage, name, content }: Target, sizeBytes: number): void {
  const format = content === 'vztmpl' ? `t${/\.tar\.(gz|xz|zst|bz2)$/.exec(name)?.[1] ?? 'gz'}` : /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? 'raw';
  volumesAt(storage, call.node)[name] = { name, content, format: content === 'iso' ? 'iso' : format, sizeBytes, ctime: Math.floor(call.sim.clock.now() / 1000) };
}

/** What a received file was found to be; multipart.ts puts it there. */
interface Received { readonly size: number; readonly checksums: Readonly<Record<string, string>> }

function receivedFile(call: Call, path: string): Received | undefined {
  const found = call.state.other.uploads?.[path];
  if (!isObject(found) || !isObject(found.checksums)) return undefined;
  return { size: Number(found.size), checksums: Object.fromEntries(Object.entries(found.checksums).map(([name, sum]) => [name, String(sum)])) };
}

const COPY_MS = 400;

function upload(call: Call): Json {
  const target = targetOf(call);
  const from = text(call, 'tmpfilename');
  const file = from === undefined ? undefined : receivedFile(call, from);
  if (from === undefined || !file) throw failure('missing temporary file name');
  const algorithm = text(call, 'checksum-algorithm');
  const checksum = text(call, 'checksum');
  if (checksum !== undefined && algorithm === undefined) throw parameterError({ 'checksum-algorithm': "missing property required by 'checksum'" });
  return startTask(call, 'imgcopy', '', async (task) => {
    task.log(`starting file import from: ${from}`);
    if (checksum !== undefined && algorithm !== undefined) {
      task.log('calculating checksum...');
      await task.sleep(COPY_MS);
      const got = file.checksums[algorithm] ?? '';
      if (got !== checksum.toLowerCase()) throw new Error(`checksum mismatch: got '${got}' != expect '${checksum.toLowerCase()}'`);
      task.log('OK, checksum verified');
    }
    const to = volumePath(target.storage, target.name);
    for (const line of [`target node: ${call.node}`, `target file: ${to}`, `file size is: ${file.size}`, `command: cp -- ${from} ${to}`]) task.log(line);
    await task.sleep(COPY_MS);
    place(call, target, file.size);
    task.log('finished file import successfully');
  });
}

/** Nothing listens on the simulated nodes' own addresses; every other server answers. */
function refusedBy(url: string): string | undefined {
  const { hostname, port, protocol } = new URL(url);
  return /^(127\.|localhost$|\[::1\])/.test(hostname) ? `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}` : undefined;
}

const DOWNLOAD_BYTES = 2 ** 20;

/** The world's files are as large as `state.other.web` says. */
function sizeOf(call: Call, url: string): number {
  return Number(call.state.other.web?.[url] ?? DOWNLOAD_BYTES);
}

function download(call: Call): Json {
  const target = targetOf(call);
  const url = requiredText(call, 'url');
  return startTask(call, 'download', requiredText(call, 'filename'), async (task) => {
    const to = volumePath(target.storage, target.name);
    task.log(`downloading ${url} to ${to}`);
    if (volumesAt(target.storage, call.node)[target.name]) throw new Error(`refusing to override existing file '${to}'`);
    task.log(`--${new Date(call.sim.clock.now()).toISOString().slice(0, 19).replace('T', ' ')}--  ${url}`);
    const refusal = refusedBy(url);
    if (refusal !== undefined) throw new Error(`download failed: Connecting to ${refusal}... failed: Connection refused.`);
    const size = sizeOf(call, url);
    await task.sleep(size / call.sim.timings.copyBytesPerSecond * 1000);
    place(call, target, size);
    task.log(`download of '${url}' to '${to}' finished`);
  });
}
