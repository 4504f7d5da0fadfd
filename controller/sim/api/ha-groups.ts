// HA groups: what Proxmox VE up to 8 has instead of node affinity rules; from 9 on every call is refused.
// In: calls. Out: groups.cfg.
import type { Json } from '../../model/json.ts';
import { splitList } from '../ha/affinity.ts';
import { failure, requiredText, type Call, type Handler, type Routes } from './handler.ts';
import { changeHaFiles, deleteOptions, fileDigest, hasGroups, MIGRATED, optionsOf, refuseStaleDigest } from './ha-files.ts';

export const groupRoutes: Routes = {
  'GET /cluster/ha/groups': upToEight('index groups', (call) => Object.keys(call.state.ha.groups).map((group) => shown(call, group))),
  'GET /cluster/ha/groups/{group}': upToEight('read group', (call) => shown(call, requiredText(call, 'group'))),
  'POST /cluster/ha/groups': upToEight('create group', create),
  'PUT /cluster/ha/groups/{group}': upToEight('update group', update),
  'DELETE /cluster/ha/groups/{group}': upToEight('delete group', remove),
};

function upToEight(action: string, handler: Handler): Handler {
  return (call) => {
    if (!hasGroups(call)) throw failure(`cannot ${action}: ${MIGRATED}`);
    return handler(call);
  };
}

function shown(call: Call, group: string): Json {
  const { groups } = call.state.ha;
  const section = groups[group];
  if (!section) throw failure(`no such ha group '${group}'`);
  return { ...section, nodes: splitList(section['nodes']).sort().join(','), group, type: 'group', digest: fileDigest(groups) };
}

function create(call: Call): undefined {
  const { groups } = call.state.ha;
  const group = requiredText(call, 'group');
  changeHaFiles(call, 'create ha group failed', () => {
    if (groups[group]) throw failure(`ha group ID '${group}' already defined`);
    groups[group] = { ...optionsOf(call, ['group', 'type']), type: 'group' };
  });
}

function update(call: Call): undefined {
  const { groups } = call.state.ha;
  const group = requiredText(call, 'group');
  changeHaFiles(call, 'update ha group failed', () => {
    refuseStaleDigest(call, groups);
    const section = groups[group];
    if (!section) throw failure(`no such ha group '${group}'`);
    const changed = { ...section, ...optionsOf(call, ['group', 'type']) };
    deleteOptions(call, changed, { known: ['nodes', 'comment', 'nofailback', 'restricted'], required: ['nodes'] });
    groups[group] = changed;
  });
}

function remove(call: Call): undefined {
  const { groups, resources } = call.state.ha;
  const group = requiredText(call, 'group');
  changeHaFiles(call, 'delete ha group failed', () => {
    const user = Object.keys(resources).sort().find((sid) => resources[sid]?.['group'] === group);
    if (user !== undefined) throw failure(`ha group is used by service '${user}'`);
    delete groups[group];
  });
}
