import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parsePlanFile, planTexts, planToJson } from '../../controller/cli/plan-json.ts';
import { PLAN_SCHEMA } from '../../controller/cli/plan-schema.ts';
import { jsonText } from '../../controller/cli/terminal-text.ts';
import { change, everything, plan, step } from './plans.ts';

const valid = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(PLAN_SCHEMA);

describe('planToJson', () => {
  test.each([['one of everything', everything], ['nothing', plan([])], ['a wait', plan([change('Pool/a', 'a', 'none', { steps: [step('s', 'wait', { action: { via: 'wait', until: { is: 'quorate' } }, node: 'pve1', cost: {} })] })])]])('%s is as the schema says', (_, one) => {
    valid(JSON.parse(jsonText(planToJson(one))));
    expect(valid.errors).toBeNull();
  });

  test('the schema refuses what is not of the shape', () => {
    expect(valid({ ...planToJson(everything), more: 1 })).toBe(false);
    expect(valid({ ...planToJson(everything), counts: {} })).toBe(false);
  });

  test('the order of keys is that of the documentation', () => {
    expect(Object.keys(planToJson(everything))).toEqual(['format', 'cluster', 'revision', 'fingerprint', 'inSync', 'counts', 'changes', 'warnings']);
    expect(jsonText(planToJson(everything))).toBe(jsonText(planToJson(everything)));
    for (const one of [everything, { ...everything, changes: [] }]) expect([...planTexts(one)].join('')).toBe(`${jsonText(planToJson(one))}\n`);
    const many = { ...everything, changes: Array.from({ length: 250 }, (_, at) => everything.changes[at % everything.changes.length] ?? []).flat() };
    expect([...planTexts(many)].join('')).toBe(`${jsonText(planToJson(many))}\n`);
  });

  test('no secret is in it, neither in a field nor in a call', () => {
    expect(jsonText(planToJson(everything))).not.toContain('hunter2');
  });

  test('is safe to print', () => {
    const text = jsonText({ a: 'x\u009By\u202Ez\u001B' });
    expect(text).toBe('{\n  "a": "x\\u009by\\u202ez\\u001b"\n}');
    expect(JSON.parse(text)).toEqual({ a: 'x\u009By\u202Ez\u001B' });
  });
});

describe('parsePlanFile', () => {
  test('reads back what was written', () => {
    expect(parsePlanFile(jsonText(planToJson(everything)), 'p.json')).toEqual({ cluster: 'unq', revision: everything.revision, fingerprint: everything.fingerprint });
  });

  test.each([
    ['not JSON', '{', 'it is not JSON'],
    ['another thing', '[]', 'it is not an object'],
    ['another format', '{"format":"latido.plan/v9"}', 'its format is latido.plan/v9'],
    ['no fingerprint', '{"format":"latido.plan/v1","cluster":"a","revision":"b"}', 'fingerprint is missing'],
  ])('refuses %s', (_, text, why) => {
    expect(() => parsePlanFile(text, 'p.json')).toThrow(why);
  });
});
