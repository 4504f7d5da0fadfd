// The simulated API's methods about who may do what: users, groups, tokens, roles, access lists, realms, tickets.
import { routes as lists } from './access-lists.ts';
import { routes as realms } from './access-realms.ts';
import { routes as tickets } from './access-tickets.ts';
import { routes as tokens } from './access-tokens.ts';
import { routes as users } from './access-users.ts';
import type { Routes } from './handler.ts';

export const routes: Routes = {
  'GET /access': () => ['users', 'groups', 'roles', 'acl', 'domains', 'openid', 'tfa', 'ticket', 'password'].map((subdir) => ({ subdir })),
  ...users, ...tokens, ...lists, ...realms, ...tickets,
};
