// What hears of everything that the daemon does, beside its rounds: notifications, forges. It never delays a round nor fails one.
import type { Plan } from '../model/plan.ts';
import type { ObjectStatus } from './conditions.ts';
import type { StatusEvent } from './events.ts';

/** How things stand now. */
export interface DaemonView {
  readonly cluster: string;
  /** In force. */
  readonly good?: { readonly id: string; readonly revision: string };
  readonly refused?: { readonly id: string; readonly revision: string; readonly message: string };
  /** Why the cluster cannot be worked on at all. */
  readonly trouble?: string;
  /** The last plan and how its objects stood when it was made; of an older commit until a round has planned the one in force. */
  readonly plan?: Plan;
  readonly objects: readonly ObjectStatus[];
}

export interface DaemonFeed {
  readonly lastSeq: number;
  /** After this number; the oldest may be gone. */
  eventsAfter(seq: number): readonly StatusEvent[];
  onEvent(call: () => void): () => void;
  view(): DaemonView;
}

/** None of these throws. */
export interface DaemonListener {
  /** Called once, before the first event. */
  start(feed: DaemonFeed): Promise<void>;
  /** Must return at once. */
  roundEnded(): void;
  /** Lets what is under way end, for a few seconds. */
  stop(): Promise<void>;
}

/** Several as one. */
export function listenersTogether(listeners: readonly DaemonListener[]): DaemonListener {
  return {
    start: async (feed) => void await Promise.all(listeners.map((each) => each.start(feed))),
    roundEnded: () => listeners.forEach((each) => each.roundEnded()),
    stop: async () => void await Promise.all(listeners.map((each) => each.stop())),
  };
}
