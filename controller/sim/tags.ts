// Tags as the cluster keeps them: unique, lower case unless its tag style says otherwise, sorted unless it says otherwise.
import { isObject } from '../model/json.ts';
import type { ClusterState } from './state.ts';

export function canonicalTags(state: ClusterState, tags: string): string {
  const style = isObject(state.options['tag-style']) ? state.options['tag-style'] : {};
  const caseSensitive = style['case-sensitive'] === 1 || style['case-sensitive'] === '1';
  const list = tags.split(/[;,\s]+/).filter((tag) => tag !== '').map((tag) => (caseSensitive ? tag : tag.toLowerCase()));
  const unique = [...new Set(list)];
  return (style.ordering === 'config' ? unique : unique.sort()).join(';');
}
