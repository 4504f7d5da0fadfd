// A DRBD resource from nothing to in sync and back; after a kill anywhere the next plan goes on.
import { describe, expect, test } from 'vitest';
import { commandText } from '../../controller/model/command.ts';
import type { Step } from '../../controller/model/step.ts';
import { ask } from './scene.ts';
import type { Scene, Told } from './scene.ts';
import { bare, perform, SPEC, world } from './drbd-scene.ts';
import type { World } from './drbd-scene.ts';

function resource(nodes: World, spec: object | undefined = SPEC, more: Partial<Scene> = {}): Told {
  return ask({ kind: 'DrbdResource', name: 'r0', ...(spec ? { spec } : {}), ...more, facts: { storageNodes: nodes, ...more.facts } });
}

/** `pve1: lvcreate …`; a script by its title. */
function told(steps: readonly Step[]): readonly string[] {
  return steps.map(({ title, action, hold }) => `${hold ? `held ${hold.code} ` : ''}${action.via === 'ssh' ? `${action.node}: ${action.argv[0] === 'sh' ? title.replace(/ on \S+$/, '') : commandText(action.argv)}` : title}`);
}

function through(nodes: World, steps: readonly Step[]): World {
  return steps.reduce((now, step) => perform(now, step), nodes);
}

const MADE = through(world(), resource(world()).steps);

describe('from nothing', () => {
  test('in the order in which each builds on the one before', () => {
    const plan = resource(world());
    expect([plan.verb, told(plan.steps)]).toEqual(['create', [
      'pve1: lvcreate -y -Wy -Zy -n r0 -L 1073741824b --addtag latido pve', 'pve2: lvcreate -y -Wy -Zy -n r0 -L 1073741824b --addtag latido pve',
      'pve1: write /etc/drbd.d/r0.res', 'pve2: write /etc/drbd.d/r0.res', 'pve1: drbdadm create-md r0', 'pve2: drbdadm create-md r0',
      'pve1: drbdadm adjust r0', 'pve2: drbdadm adjust r0', 'wait until its nodes are connected', 'pve1: drbdadm -- --clear-bitmap new-current-uuid r0', 'wait until it is in sync',
      'pve1: drbdadm primary r0', 'pve2: drbdadm primary r0', 'pve1: make /dev/drbd0 a physical volume of LVM, if it is empty', 'pve1: vgcreate drbdvg0 /dev/drbd0',
    ]]);
  });
  test('and then there is nothing to do', () => expect(resource(MADE)).toMatchObject({ verb: 'none', fields: [], observed: { state: 'present', owned: true } }));
  test('killed after any step, the next plan goes on to the same end', () => {
    const { steps } = resource(world());
    for (let done = 0; done <= steps.length; done += 1) {
      const halfway = through(world(), steps.slice(0, done));
      // Whether LVM is on a Secondary shows once it is Primary, so that it may take another plan.
      const plans = [halfway, through(halfway, resource(halfway, SPEC, { memory: {} }).steps)];
      const end = through(plans[1] ?? halfway, resource(plans[1] ?? halfway).steps);
      expect([done, resource(end).fields, end.get('pve1')?.groups.map(({ name }) => name)]).toEqual([done, [], ['pve', 'drbdvg0']]);
    }
  });
  test('with DRBD 9', () => {
    const nodes = world(bare('pve1', { drbdVersion: '9.2.18' }), bare('pve2', { drbdVersion: '9.2.18' }));
    expect(told(resource(nodes, { ...SPEC, storage: undefined }).steps)).toEqual(expect.arrayContaining(['pve2: drbdadm create-md --max-peers=7 r0', 'pve1: drbdadm new-current-uuid --clear-bitmap r0/0']));
  });
  test('from one node to the others, which is Secondary again at once', () => {
    const steps = told(resource(world(), { ...SPEC, dualPrimary: false, storage: undefined, initialSync: { from: 'pve2' } }).steps);
    expect(steps.slice(8)).toEqual(['wait until its nodes are connected', 'pve2: drbdadm primary --force r0', 'pve2: drbdadm secondary r0', 'wait until it is in sync (up to 1G at 20M a second, 1 min)']);
  });
  test('without the module only that is loaded', () => {
    const { drbdVersion: _none, ...node } = bare('pve1');
    const plan = resource(world(node, { ...node, node: 'pve2' }));
    expect(told(plan.steps)).toEqual(['pve1: modprobe drbd', 'pve2: modprobe drbd']);
  });
});
