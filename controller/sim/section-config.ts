// In: an object of the cluster's state. Out: the digest Proxmox would give to the file it stands in.
import { createHash } from 'node:crypto';

export function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}

/** Sections as a *.cfg file holds them; an empty file has the digest of nothing. */
export function digestOfSections(sections: Readonly<Record<string, object>>): string {
  return sha1(Object.entries(sections).map(([id, section]) => `${id} ${JSON.stringify(section)}\n`).join(''));
}
