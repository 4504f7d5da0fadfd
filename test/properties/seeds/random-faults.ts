// In: dice and who there is. Out: what goes wrong while latido works, and what other people do meanwhile, as a story.
import type { StoryStep, StepDeed } from '../../../controller/sim/script.ts';
import type { Dice } from './dice.ts';

export interface Victims { readonly nodes: readonly string[]; readonly ours: readonly number[]; /** A VMID that somebody else takes for a guest of theirs. */ readonly reusable: readonly number[] }

/** The name of guests that take a VMID of ours. */
export const SOMEBODY_ELSES = 'somebody-elses';
const AFTER_S = 60;

export function randomFaults(dice: Dice, victims: Victims): readonly StoryStep[] {
  const steps: StoryStep[] = [];
  for (let count = dice.between(0, 3); count > 0; count -= 1) {
    if (victims.reusable.length > 0 && dice.chance(0.1)) {
      const vmid = dice.pick(victims.reusable);
      const at = dice.between(0, 20);
      steps.push({ when: { at }, deed: { do: 'guest-stop', vmid } }, { when: { at: at + 15 }, deed: { do: 'guest-delete', vmid } });
      steps.push({ when: { at: at + 40 }, deed: { do: 'vm-create', node: dice.pick(victims.nodes), vmid, config: { name: SOMEBODY_ELSES, memory: '256', scsi0: 'shared:1' } } });
    } else steps.push(...randomFault(dice, victims));
  }
  return steps;
}

function randomFault(dice: Dice, { nodes, ours }: Victims): readonly StoryStep[] {
  const at = dice.between(0, 40);
  const once = (deed: StepDeed): StoryStep[] => [{ when: { at }, deed }];
  const andThen = (deed: StepDeed, after: StepDeed): StoryStep[] => [...once(deed), { when: { at: at + dice.between(5, AFTER_S) }, deed: after }];
  const node = dice.pick(nodes);
  const match = { request: dice.pick(['POST *', 'PUT *', 'GET *', '*', 'POST */config', 'DELETE *']) };
  const times = dice.between(1, 3);
  const vmid = ours.length > 0 ? dice.pick(ours) : undefined;
  switch (dice.between(0, vmid === undefined ? 11 : 17)) {
    case 0: return dice.chance(0.5) ? andThen({ do: 'node-off', node }, { do: 'node-on', node }) : nodes.filter((other) => other !== node).flatMap((other) => andThen({ do: 'node-off', node: other }, { do: 'node-on', node: other }));
    case 1: return [...andThen({ do: 'link-cut', node }, { do: 'link-heal', node }), ...(dice.chance(0.5) ? andThen({ do: 'qnetd-off' }, { do: 'qnetd-on' }) : [])];
    case 2: return once({ do: 'api-status', status: dice.pick([500, 503, 595, 596]), reason: 'no', match, times });
    case 3: return once({ do: 'api-timeout', match, times: 1 });
    case 4: return once({ do: 'answer-lost', match, times });
    case 5: return once({ do: 'task-fails', task: dice.pick(['qm*', 'qmcreate *', 'qmstart *', '*']), text: 'it did not work', when: dice.pick(['before', 'after'] as const), times });
    case 6: return andThen({ do: 'disk-full', storage: 'fast' }, { do: 'disk-freed', storage: 'fast' });
    case 7: return once({ do: 'node-reset', node });
    case 8: return andThen({ do: 'daemon-stop', node, daemon: dice.pick(['pveproxy', 'pvedaemon'] as const) }, { do: 'daemon-start', node, daemon: 'pveproxy' });
    case 9: return once({ do: 'refuse', match, times });
    case 10: return once({ do: 'clock-jump', seconds: dice.pick([-86_400, -60, 90, 7200]) });
    // They may take a number that a later commit wants.
    case 11: return once({ do: 'vm-create', node, vmid: dice.between(110, 112), config: { name: SOMEBODY_ELSES, memory: '256', scsi0: 'shared:1' } });
    case 12: return once({ do: 'config-edit', vmid: vmid ?? 0, set: { memory: '1024', description: 'edited' }, delete: [] });
    case 13: return once({ do: 'guest-stop', vmid: vmid ?? 0 });
    case 14: return once({ do: 'guest-start', vmid: vmid ?? 0 });
    case 15: return once({ do: 'guest-migrate', vmid: vmid ?? 0, target: node });
    case 16: return andThen({ do: 'guest-lock', vmid: vmid ?? 0, lock: 'backup' }, { do: 'guest-unlock', vmid: vmid ?? 0 });
    default: return once({ do: 'guest-crash', vmid: vmid ?? 0 });
  }
}
