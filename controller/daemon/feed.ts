// What a listener may ask of the daemon: its events, and how things stand. Reads only.
import type { DaemonFeed, DaemonView } from '../status/listener.ts';
import type { Board } from './board.ts';
import { summary } from './commits.ts';
import type { Commits } from './commits.ts';
import type { Memory } from './memory.ts';

export function feedOf(memory: Memory, board: Board, commits: Commits): DaemonFeed {
  return {
    get lastSeq() {
      return memory.lastSeq;
    },
    eventsAfter: (seq) => memory.eventsAfter(seq),
    onEvent: (call) => memory.onEvent(call),
    view: () => viewOf(board, commits),
  };
}

function viewOf({ cluster, trouble, plan, objects }: Board, { good, refused }: Commits): DaemonView {
  return {
    // Before the first plan the commit alone knows its name.
    cluster: cluster === '' ? good?.cluster ?? '' : cluster, objects,
    ...(good ? { good: { id: good.id, revision: good.revision } } : {}),
    ...(refused ? { refused: { id: refused.id, revision: refused.revision, message: summary(refused.findings) } } : {}),
    ...(trouble ? { trouble: trouble.message } : {}), ...(plan ? { plan } : {}),
  };
}
