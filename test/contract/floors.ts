// How many exchanges of each topic are answered like the real cluster. Everybody raises these numbers; nobody lowers them.
import type { Topic } from './recorded.ts';

export const floors: Readonly<Record<Topic, number>> = {
  auth: 70, protocol: 0, cluster: 0, qemu: 0, lxc: 0, storage: 0, tasks: 0, migrate: 83, ha: 63, 'ha-live': 43, nodedown: 17,
};

/** Topics in which every difference is listed in known-differences.ts; once here, always here. */
export const finished: readonly Topic[] = ['migrate', 'ha', 'ha-live', 'nodedown'];
