// The simulated API's methods about HA: resources, rules, groups, status, and requests to the manager.
// In: calls. Out: HA's files changed, its status shown. Must never step a service: that is the manager's.
import type { Routes } from './handler.ts';
import { groupRoutes } from './ha-groups.ts';
import { resourceRoutes } from './ha-resources.ts';
import { ruleRoutes } from './ha-rules.ts';
import { statusRoutes } from './ha-status.ts';

export const routes: Routes = {
  'GET /cluster/ha': (call) => ['status', 'resources', 'groups', ...(call.sim.tables.method('GET', '/cluster/ha/rules') ? ['rules'] : [])].map((id) => ({ id })),
  ...resourceRoutes, ...ruleRoutes, ...groupRoutes, ...statusRoutes,
};
