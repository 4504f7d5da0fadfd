// In: this machine. Out: what a node of Proxmox VE knows of itself and its cluster; nothing where it is none. Reads only.
import { X509Certificate } from 'node:crypto';
import type { Machine } from '../model/doors.ts';
import { isObject } from '../model/json.ts';
import { compareText } from '../model/ref.ts';

export interface ThisNode {
  readonly name: string;
  /** Absent: a single node. */
  readonly cluster?: string;
  /** This one first. */
  readonly members: readonly { readonly name: string; readonly address: string; readonly online: boolean; /** As the cluster's file system has its certificate. */ readonly fingerprint?: string }[];
  /** `9.1` */
  readonly release?: string;
}

const ROOT = '/etc/pve';

export async function nodeHere(machine: Machine): Promise<ThisNode | undefined> {
  const told = await machine.read(`${ROOT}/.members`);
  const value = told.ok ? jsonOf(told.value) : undefined;
  if (!isObject(value) || typeof value['nodename'] !== 'string') return undefined;
  const name = value['nodename'];
  const cluster = isObject(value['cluster']) && typeof value['cluster']['name'] === 'string' ? value['cluster']['name'] : undefined;
  const listed = Object.entries(isObject(value['nodelist']) ? value['nodelist'] : {}).flatMap(([node, row]) => (isObject(row) && typeof row['ip'] === 'string' ? [{ name: node, address: row['ip'], online: row['online'] === 1 }] : []));
  // A single node is in no list; itself it reaches under any of its names.
  const nodes = listed.length === 0 ? [{ name, address: '127.0.0.1', online: true }] : listed.sort((a, b) => Number(b.name === name) - Number(a.name === name) || compareText(a.name, b.name));
  const members = await Promise.all(nodes.map(async (node) => ({ ...node, ...await certificateOf(node.name, machine) })));
  const version = await machine.run(['pveversion']);
  const release = /pve-manager\/(\d+\.\d+)/.exec(version?.stdout ?? '')?.[1];
  return { name, members, ...(cluster === undefined ? {} : { cluster }), ...(release === undefined ? {} : { release }) };
}

/** pveproxy shows the certificate that an administrator gave it, else the one that the cluster signed. */
async function certificateOf(node: string, machine: Machine): Promise<{ readonly fingerprint?: string }> {
  for (const file of ['pveproxy-ssl.pem', 'pve-ssl.pem']) {
    const pem = await machine.read(`${ROOT}/nodes/${node}/${file}`);
    const fingerprint = pem.ok ? fingerprintOf(pem.value) : undefined;
    if (fingerprint !== undefined) return { fingerprint };
  }
  return {};
}

function fingerprintOf(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return undefined;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
