// The lab that `latido lab` makes for manifests with addresses: they can be planned, applied, and then nothing is left to do.
import { describe, expect, test } from 'vitest';
import { shapeOf } from '../../../controller/cli/lab-shape.ts';
import { parseFiles } from '../../../controller/manifests/parse.ts';
import { labCluster } from '../../../controller/sim/lab.ts';
import { parseLive } from '../../../controller/sim/live-file.ts';
import { hostFor } from '../../../controller/sim/nodes/virtual-ip-lab.ts';
import { World, withCluster } from '../../harness/world.ts';
import { holders, settled } from './virtual-ip-bench.ts';

function addressOn(device: string, address: string, more = ''): string {
  return `
apiVersion: latido/v1
kind: VirtualIP
metadata: { name: cluster }
spec: { address: "${address}", interface: ${device}, nodes: { left: 150, right: 100 }, virtualRouterId: 41${more} }
`;
}

describe('from nothing but its manifest', () => {
  test.each([
    ['where the nodes have their addresses', addressOn('vmbr0', '10.99.0.41/24'), '10.99.0.41'],
    ['in a network that only the address names', addressOn('vmbr0', '192.168.22.41/24'), '192.168.22.41'],
    ['on another interface', addressOn('vmbr1', '192.168.22.41/24'), '192.168.22.41'],
    ['IPv6', addressOn('vmbr0', 'fd00::41/64'), 'fd00::41'],
    ['with heartbeat', addressOn('vmbr0', '10.99.0.41/24', ', provider: heartbeat').replace(', virtualRouterId: 41', ''), '10.99.0.41'],
  ])('%s', async (_, yaml, address) => {
    const place = new World(labCluster(shapeOf(parseFiles([{ path: 'cluster.yaml', text: withCluster(yaml) }]), 3), 0));
    expect(Object.keys(place.sim.state.nodes)).toEqual(['left', 'right']);
    expect(await settled(place, yaml)).toEqual([]);
    expect(holders(place, address)).toEqual(['left']);
  });
});

test('a node has keepalived, unless a manifest asks for more', () => {
  expect(hostFor([], 0)).toEqual({});
  expect(hostFor([{ address: '10.99.0.41/24', interface: 'vmbr0' }], 0)).toEqual({ programs: ['keepalived'] });
  expect(hostFor([{ address: '192.168.22.41/24', interface: 'vmbr1', provider: 'heartbeat' }], 1)).toEqual({ programs: ['keepalived', 'heartbeat'], addresses: [{ interface: 'vmbr1', address: '192.168.22.202/24' }] });
  expect(hostFor([{ address: 'nonsense', interface: 'vmbr1' }], 0)).toEqual({ programs: ['keepalived'] });
});

test('live.yaml says what a node has', () => {
  const live = parseLive('nodes: [{ name: pve1, programs: [heartbeat], addresses: [{ interface: vmbr1, address: 192.168.22.1/24 }] }]', 'live.yaml');
  const host = new World(live).sim.state.below.hosts['pve1'];
  expect(Object.keys(host?.programs ?? {})).toEqual(['heartbeat']);
  expect(host?.addresses.map(({ address }) => address)).toContain('192.168.22.1/24');
});
