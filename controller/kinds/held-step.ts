import type { Hold, Step } from '../model/step.ts';

/** A step that is shown and never done as things are; were its hold lifted, it would wait for what holds anyway. */
export function heldStep(title: string, hold: Hold): Step {
  return { title, action: { via: 'wait', until: { is: 'quorate' } }, guards: [], risk: 'none', locks: [], timeoutMs: 60_000, hold };
}
