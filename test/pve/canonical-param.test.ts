import { expect, test } from 'vitest';
import type { Json } from '../../controller/model/json.ts';
import type { HttpMethod } from '../../controller/pve/api-tables.ts';
import { diffParam, requestParam } from '../../controller/pve/canonical-param.ts';
import type { Param } from '../../controller/pve/param.ts';
import { methodOf } from './tables.ts';

const paramFor = (verb: HttpMethod, template: string, name: string): Param => methodOf(verb, template).params.get(name) ?? {};
type Row = readonly [verb: HttpMethod, template: string, name: string, desired: Json | undefined, live: Json | undefined];

test.each<Row>([
  ['POST', '/storage', 'content', ['images', 'iso'], 'iso,images'], ['POST', '/storage', 'nodes', 'b,a', 'a,b'], ['POST', '/storage', 'shared', 'yes', 1],
  ['POST', '/storage', 'prune-backups', { 'keep-last': 3 }, 'keep-last=3'], ['POST', '/cluster/backup', 'prune-backups', 'keep-last=3', { 'keep-last': '3' }],
  ['POST', '/cluster/backup', 'enabled', true, undefined], ['POST', '/pools', 'comment', 'lab', 'lab\n'],
  ['PUT', '/cluster/options', 'migration', { network: '10.0.0.0/24', type: 'secure' }, { type: 'secure', network: '10.0.0.0/24' }],
  ['POST', '/cluster/mapping/dir', 'map', [{ node: 'a', path: '/srv' }, 'node=b,path=/srv'], ['path=/srv,node=b', 'node=a,path=/srv']],
])('%s %s %s: %j is %j', (verb, template, name, desired, live) => expect(diffParam(paramFor(verb, template, name), desired, live)).toBe('same'));

test.each<Row>([
  ['POST', '/storage', 'content', 'images', 'images,iso'], ['POST', '/storage', 'shared', true, undefined], ['POST', '/cluster/backup', 'prune-backups', 'keep-last=3', 'keep-last=4'],
])('%s %s %s: %j is not %j', (verb, template, name, desired, live) => expect(diffParam(paramFor(verb, template, name), desired, live)).toBe('different'));

test.each<[HttpMethod, string, string, Json, string | readonly string[]]>([
  ['POST', '/storage', 'content', ['images', 'iso'], 'images,iso'], ['POST', '/storage', 'shared', 'yes', '1'], ['POST', '/storage', 'prune-backups', { 'keep-last': 3, 'keep-daily': 1 }, 'keep-daily=1,keep-last=3'],
  ['POST', '/cluster/mapping/dir', 'map', [{ node: 'a', path: '/srv' }], ['node=a,path=/srv']],
])('%s %s %s: %j is sent as %j', (verb, template, name, value, sent) => expect(requestParam(paramFor(verb, template, name), value)).toEqual(sent));
