import { describe, expect, test } from 'vitest';
import type { PveApi } from '../../controller/model/doors.ts';
import type { Json } from '../../controller/model/json.ts';
import { requireSight } from '../../controller/observe/observe.ts';

const ALL = { 'Sys.Audit': 1, 'VM.Audit': 1, 'Datastore.Audit': 1, 'Pool.Audit': 1 };
const PATHS = { '/': ALL, '/vms': ALL, '/storage': ALL, '/pool': ALL };

function sight(granted: Json): Promise<void> {
  const pve: PveApi = { stats: { calls: 0, bytes: 0 }, learnNodes: () => {}, get: () => Promise.resolve(granted), write: () => Promise.resolve(null) };
  return requireSight(pve);
}

test('a token that sees everything may plan', async () => expect(await sight({ ...PATHS, '/vms/110': ALL })).toBeUndefined());

describe('absence proves nothing', () => {
  test.each([
    ['without a right on /vms, where Proxmox leaves the path out', { '/': ALL, '/storage': ALL, '/pool': ALL }, 'VM.Audit on /vms'],
    ['with a right that does not reach below', { ...PATHS, '/vms': { ...ALL, 'VM.Audit': 0 } }, 'VM.Audit on /vms'],
    ['when one guest has rights of its own without the audit', { ...PATHS, '/vms/110': { 'VM.PowerMgmt': 1 } }, 'VM.Audit on /vms'],
    ['without any', {}, 'Sys.Audit on /'],
  ])('%s', async (_, granted, missing) => expect(sight(granted)).rejects.toThrow(missing));
});
