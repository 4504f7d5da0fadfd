// How many exchanges of each topic are answered like the real cluster. These numbers only ever rise.
import type { Topic } from './recorded.ts';

export const floors: Readonly<Record<Topic, number>> = {
  auth: 74, protocol: 45, cluster: 73, qemu: 346, lxc: 59, storage: 64, tasks: 46, migrate: 86, ha: 63, 'ha-live': 46, nodedown: 17, node: 67,
};
