// Authentication realms of the simulated cluster.
import { changeFile } from '../cluster-file.ts';
import { sha1 } from '../section-config.ts';
import { failure, requiredText, text, type Call, type Routes } from './handler.ts';

export const routes: Routes = {
  'GET /access/domains': (call) => Object.entries(call.state.access.domains).map(([realm, domain]) => ({
    realm, type: String(domain.type), ...Object.fromEntries(['comment', 'default', 'tfa'].flatMap((name) => (domain[name] === undefined ? [] : [[name, domain[name]]]))),
  })),
  'POST /access/domains': (call) => changeFile(call, 'domains.cfg', 'add auth server failed', () => {
    const realm = requiredText(call, 'realm');
    if (call.state.access.domains[realm]) throw failure(`domain '${realm}' already exists`);
    call.state.access.domains[realm] = optionsOf(call);
    return undefined;
  }),
  'GET /access/domains/{realm}': (call) => ({ ...existing(call), digest: digestOf(call) }),
  'PUT /access/domains/{realm}': (call) => changeFile(call, 'domains.cfg', 'update auth server failed', () => {
    const domain = existing(call);
    const digest = text(call, 'digest');
    if (digest !== undefined && digest !== digestOf(call)) throw failure('detected modified configuration - file changed by other user? Try again.');
    // Unknown names are passed over in silence, as the real one does.
    for (const name of (text(call, 'delete') ?? '').split(/[\s,;]+/)) delete domain[name];
    Object.assign(domain, optionsOf(call));
    return undefined;
  }),
  'DELETE /access/domains/{realm}': (call) => changeFile(call, 'domains.cfg', 'delete auth server failed', () => {
    existing(call);
    delete call.state.access.domains[requiredText(call, 'realm')];
    return undefined;
  }),
};

function existing(call: Call): Record<string, string | number> {
  const realm = requiredText(call, 'realm');
  const domain = call.state.access.domains[realm];
  if (!domain) throw failure(`domain '${realm}' does not exist`);
  return domain;
}

function optionsOf(call: Call): Record<string, string | number> {
  const entries = Object.entries(call.params).filter(([name]) => !['realm', 'delete', 'digest', 'password'].includes(name));
  return Object.fromEntries(entries.flatMap(([name, value]) => (typeof value === 'object' ? [] : [[name, value]])));
}

function digestOf(call: Call): string {
  return sha1(JSON.stringify(call.state.access.domains));
}
