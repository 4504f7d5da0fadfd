// GET /version, and the root index, which the API tables do not list.
import type { Json } from '../../model/json.ts';
import type { Routes } from './handler.ts';

const ROOT = ['version', 'cluster', 'nodes', 'storage', 'access', 'pools'];

export const routes: Routes = {
  'GET /version': ({ state, version }) => ({ release: version, repoid: '14a22df35955d97d', version: state.pveVersion }),
};

export function rootIndex(): Json {
  return ROOT.map((subdir) => ({ subdir }));
}
