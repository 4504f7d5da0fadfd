// GET /version and the root index.
import type { Routes } from './handler.ts';

const ROOT = ['version', 'cluster', 'nodes', 'storage', 'access', 'pools'];

export const routes: Routes = {
  'GET /': () => ROOT.map((subdir) => ({ subdir })),
  'GET /version': ({ state, version }) => ({ release: version, repoid: '14a22df35955d97d', version: state.pveVersion }),
};
