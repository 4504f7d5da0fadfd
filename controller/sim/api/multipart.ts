// In: the body of a form with a file. Out: its fields as parameters, with the file where Proxmox's proxy puts it: under a
// temporary name, which the method that takes it is told.
import { createHash } from 'node:crypto';
import type { Simulation } from '../simulation.ts';
import { randomHex } from '../random.ts';
import type { RawParams } from './request-body.ts';

const ALGORITHMS = ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;

export function isMultipart(headers: Readonly<Record<string, string>>): boolean {
  return headers['content-type']?.startsWith('multipart/form-data') ?? false;
}

/** The body is taken as it is in memory: one character a byte, or text. */
export function receiveForm(sim: Simulation, headers: Readonly<Record<string, string>>, body: string): RawParams {
  const boundary = /boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '')?.[1] ?? '';
  const params: RawParams = {};
  for (const part of body.split(`--${boundary}`).slice(1, -1)) {
    const [head = '', ...rest] = part.replace(/^\r\n/, '').split('\r\n\r\n');
    const value = rest.join('\r\n\r\n').replace(/\r\n$/, '');
    const name = /name="([^"]*)"/.exec(head)?.[1] ?? '';
    const filename = /filename="([^"]*)"/.exec(head)?.[1];
    params[name] = filename ?? value;
    if (filename !== undefined) params.tmpfilename = keep(sim, value);
  }
  return params;
}

function keep(sim: Simulation, content: string): string {
  const path = `/var/tmp/pveupload-${randomHex(() => sim.random(), 32)}`;
  const checksums = Object.fromEntries(ALGORITHMS.map((name) => [name, createHash(name).update(content).digest('hex')]));
  sim.state.other.uploads = { ...sim.state.other.uploads, [path]: { size: Buffer.byteLength(content), checksums } };
  return path;
}
