import { describe, expect, test } from 'vitest';
import { configFile, switchedOn } from '../../.package/config-file.ts';
import { readConfig } from '../../controller/config/read.ts';
import { CONFIG_SCHEMA } from '../../controller/config/schema.ts';
import { Failure } from '../../controller/model/finding.ts';
import { isObject } from '../../controller/model/json.ts';

const text = configFile();

describe('/etc/latido/config.yaml as it comes', () => {
  test('says nothing, and that is a finding with what to do', () => {
    expect(() => readConfig(text, 'config.yaml')).toThrow(Failure);
    try {
      readConfig(text, 'config.yaml');
    } catch (error) {
      expect(error instanceof Failure && error.findings.map(({ code, fix }) => [code, fix])).toEqual([['CONFIG_INVALID', 'name at least cluster and source']]);
    }
  });
  test('with every setting switched on it is a configuration', () => {
    const config = readConfig(switchedOn(text), 'config.yaml');
    expect(Object.keys(config)).toEqual(Object.keys(isObject(CONFIG_SCHEMA['properties']) ? CONFIG_SCHEMA['properties'] : {}));
    expect(config.notify?.map(({ type }) => type)).toEqual(['webhook', 'slack', 'matrix', 'email']);
  });
  test('with cluster and one address alone as well', () => {
    const lines = text.split('\n').filter((line) => /^#(?:cluster:|source:| {2}repository: ssh:)/.test(line));
    expect(readConfig(lines.map((line) => line.slice(1)).join('\n'), 'config.yaml').cluster).toBe('unq');
  });
  test.each([...new Set(properties(CONFIG_SCHEMA))])('explains %s', (name) => expect(text).toMatch(new RegExp(`^## +${name}: \\S|^## ${name}: \\S`, 'm')));
  test('no line is wider than a window', () => expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]));
  test('a field without an example is told of when the package is built', () => {
    expect(() => configFile({ properties: { fresh: { type: 'string', description: 'New.' } } })).toThrow('no example for fresh');
  });
});

/** The names of all fields, but for those of the two ways to name a secret. */
function properties(schema: unknown): readonly string[] {
  if (Array.isArray(schema)) return schema.flatMap(properties);
  if (!isObject(schema)) return [];
  const { properties: own } = schema;
  const names = isObject(own) ? Object.keys(own) : [];
  return [...names, ...Object.values(isObject(own) ? own : {}), schema['items'], schema['oneOf']].flatMap((each) => (typeof each === 'string' ? [each] : properties(each ?? null))).filter((name) => name !== 'file' && name !== 'env');
}
