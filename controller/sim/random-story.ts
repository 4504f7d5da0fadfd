// In: randomness and what a cluster consists of. Out: a story of faults that ends: whatever went is back before the end.
// Must never take more than one node away at a time: what must work in spite of a fault is then known.
import type { StepDeed, StoryStep } from './script.ts';

export interface StoryStage {
  readonly nodes: readonly string[];
  readonly vmids: readonly number[];
  readonly storages: readonly string[];
  /** How long the trouble lasts, and how often something happens. */
  readonly seconds: number;
  readonly faults: number;
}

/** A node that was lost by power or link is back after this long, in seconds: long enough for a failover. */
const OUTAGE_SECONDS = { min: 20, max: 260 };
/** Corosync, the daemons and the HA manager have noticed a return by then. */
const RECOVERY_SECONDS = 60;

/** @param random in [0, 1), a seeded sequence: the same seed tells the same story. */
export function randomStory(random: () => number, stage: StoryStage): readonly StoryStep[] {
  const steps: StoryStep[] = [];
  let freeFrom = 0;
  for (let count = 0; count < stage.faults; count += 1) {
    const at = Math.floor(random() * stage.seconds);
    if (random() < 0.25 && at >= freeFrom && stage.nodes.length > 0) {
      const outage = outageOf(random, stage, at);
      steps.push(...outage.steps);
      freeFrom = outage.until + RECOVERY_SECONDS;
    } else {
      const deed = smallDeed(random, stage);
      if (deed) steps.push({ when: { at }, deed }, ...undone(random, at, deed));
    }
  }
  return steps.sort((a, b) => secondOf(a) - secondOf(b));
}

function secondOf(step: StoryStep): number {
  return 'at' in step.when ? step.when.at : 0;
}

function pick<T>(random: () => number, list: readonly T[]): T | undefined {
  return list[Math.floor(random() * list.length)];
}

function outageOf(random: () => number, stage: StoryStage, at: number): { readonly steps: readonly StoryStep[]; readonly until: number } {
  const node = pick(random, stage.nodes) ?? '';
  const until = at + OUTAGE_SECONDS.min + Math.floor(random() * (OUTAGE_SECONDS.max - OUTAGE_SECONDS.min));
  const kind = random();
  if (kind < 0.2) return { steps: [{ when: { at }, deed: { do: 'node-reset', node } }], until: at + RECOVERY_SECONDS };
  const [gone, back] = kind < 0.6 ? (['node-off', 'node-on'] as const) : (['link-cut', 'link-heal'] as const);
  return { steps: [{ when: { at }, deed: { do: gone, node } }, { when: { at: until }, deed: { do: back, node } }], until };
}

function smallDeed(random: () => number, stage: StoryStage): StepDeed | undefined {
  const node = pick(random, stage.nodes);
  const vmid = pick(random, stage.vmids);
  const storage = pick(random, stage.storages);
  const match = { ...(random() < 0.5 && node !== undefined ? { node } : {}), ...(random() < 0.4 ? { request: pick(random, ['POST *', 'PUT *', 'DELETE *', 'GET *']) ?? '*' } : {}) };
  const times = 1 + Math.floor(random() * 3);
  switch (Math.floor(random() * 12)) {
    case 0: return { do: 'api-status', status: pick(random, [500, 501, 595, 596]) ?? 500, reason: 'made up by the story', match, times };
    case 1: return { do: 'api-timeout', match, times: 1 };
    case 2: return { do: 'api-slow', seconds: 1 + Math.floor(random() * 40), match, times };
    case 3: return { do: 'answer-lost', match, times };
    case 4: return { do: 'answer-late', seconds: 1 + Math.floor(random() * 40), match, times };
    case 5: return { do: 'refuse', match, times };
    case 6: return { do: 'task-fails', task: '*', text: 'made up by the story', when: random() < 0.5 ? 'before' : 'after', times: 1 };
    case 7: return vmid === undefined ? undefined : { do: 'guest-crash', vmid };
    case 8: return vmid === undefined ? undefined : { do: 'guest-lock', vmid, lock: 'backup' };
    case 9: return storage === undefined ? undefined : { do: 'disk-full', storage };
    case 10: return node === undefined ? undefined : { do: 'daemon-stop', node, daemon: random() < 0.5 ? 'pveproxy' : 'pvedaemon' };
    default: return { do: 'clock-jump', seconds: Math.floor(random() * 7200) - 3600 };
  }
}

/** What lasts is undone later. */
function undone(random: () => number, at: number, deed: StepDeed): readonly StoryStep[] {
  const when = { at: at + 5 + Math.floor(random() * 60) };
  switch (deed.do) {
    case 'guest-lock': return [{ when, deed: { do: 'guest-unlock', vmid: deed.vmid } }];
    case 'disk-full': return [{ when, deed: { do: 'disk-freed', storage: deed.storage } }];
    case 'daemon-stop': return [{ when, deed: { do: 'daemon-start', node: deed.node, daemon: deed.daemon } }];
    default: return [];
  }
}
