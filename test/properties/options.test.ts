// Every option of a guest, in every version that we carry: a valid value survives manifest → plan → apply → observation
// and the plan after that is empty; what only root may set is held for a token; what is wrong is a finding at its place.
import { describe, expect, test } from 'vitest';
import type { Json } from '../../controller/model/json.ts';
import { validate } from '../../controller/manifests/validate.ts';
import { diffOption } from '../../controller/pve/canonical.ts';
import type { Guest } from '../../controller/pve/guest-options.ts';
import { commitOf, kindsFor, withCluster, World } from '../harness/world.ts';
import { arbitraryWrongValue } from '../pve/arbitrary.ts';
import { optionOf, tablesOf, VERSIONS, type Version } from '../pve/tables.ts';
import type { Param } from '../../controller/pve/param.ts';
import { isHeldForRoot, isSometimesHeld, manifestValue, optionsOf, sortOf } from './guest-values.ts';
import { CLUSTER, manifestsOf, OptionsFlow, samples, seedOf } from './options-flow.ts';

/** More runs, for a night: `LATIDO_OPTION_SEEDS=20`. */
const SEEDS = Array.from({ length: Number(process.env.LATIDO_OPTION_SEEDS ?? 1) }, (_none, at) => at + 1);

describe.each(VERSIONS)('Proxmox VE %s', (version) => {
  describe.each(['qemu', 'lxc'] as const)('%s', (guest) => {
    const all = optionsOf(guest, version);
    const options = all.filter((option) => ['plain', 'disk', 'create-only'].includes(sortOf(guest, option, version)));
    const roots = options.filter((option) => isSometimesHeld(guest, version, option));

    test.each(SEEDS)('made, changed, taken away, also while it runs: the next plan is empty (seed %i)', async (seed) => {
      expect(await new OptionsFlow({ guest, version, options, seed, as: 'token', perGuest: 8 }).run()).toEqual([]);
    });

    test.each(SEEDS)('so it is for root with what only root may set (seed %i)', async (seed) => {
      expect(await new OptionsFlow({ guest, version, options: roots, seed, as: 'root', perGuest: 5 }).run()).toEqual([]);
    });

    test('what only root may set is held for a token, and nothing else is', async () => {
      expect(await heldForToken(guest, version, roots)).toEqual([]);
    });

    test('what is said elsewhere, or means something only to a restore, is a finding at its line', () => {
      const wrong = all.filter((option) => ['not-here', 'restore-only'].includes(sortOf(guest, option, version)));
      expect(wrong.flatMap((option) => passedOver(guest, version, option, 1))).toEqual([]);
    });

    test('wrong values of every option are findings at their line', () => {
      const missed = options.flatMap((option) => {
        const arbitrary = arbitraryWrongValue(optionOf(guest, option, version), version);
        const wrong = arbitrary ? samples(arbitrary, seedOf(option), 5) : [];
        return wrong.filter((value) => !isAnotherSpelling(option, optionOf(guest, option, version), value)).flatMap((value) => passedOver(guest, version, option, value as Json));
      });
      expect(missed).toEqual([]);
    });

    test('names that are near an option, and numbers beyond a family, are findings at their line', () => {
      const names = options.flatMap((option) => [`${option}x`, option.replace(/\d+$/, '999')]).filter((name) => !all.includes(name));
      expect(names.flatMap((name) => passedOver(guest, version, name, 1))).toEqual([]);
    });
  });
});

/** What Proxmox would refuse as it stands, and a manifest may say: yes and no, lists in place of separators, keys as they are. */
function isAnotherSpelling(option: string, param: Param, value: unknown): boolean {
  if (option === 'sshkeys' || (option === 'env' && !Array.isArray(value))) return true;
  if (param.type === 'boolean') return value === 'yes';
  if (value === true) return param.format !== undefined || param.pattern !== undefined || param.enum !== undefined;
  return Array.isArray(value) && (param.type ?? 'string') === 'string';
}

/** Nothing when the value is a finding with the line and column of the option's own line; else what happened instead. */
function passedOver(guest: Guest, version: Version, option: string, value: Json): readonly string[] {
  const text = withCluster([
    'apiVersion: latido/v1', `kind: ${guest === 'qemu' ? 'VirtualMachine' : 'Container'}`, 'metadata: { name: web }', 'spec:', '  vmid: 200',
    ...(guest === 'lxc' ? ['  source: { appliance: "local:vztmpl/a.tar.zst" }'] : []), '  config:', `    ${option}: ${JSON.stringify(value)}`, '',
  ].join('\n'));
  const line = text.split('\n').findIndex((one) => one.startsWith(`    ${option}:`)) + 1;
  const commit = commitOf(text);
  const { findings } = validate(commit.parsed, commit.revision, kindsFor(version).kinds);
  const isHere = findings.some(({ severity, place }) => severity === 'error' && place?.file === 'cluster.yaml' && place.line === line && place.column > 4);
  const instead = findings.map(({ fact, place }) => `${fact} at ${place?.line}:${place?.column}`).join('; ');
  return isHere ? [] : [`${option}: ${JSON.stringify(value)}: ${instead || 'no finding'}`];
}

/** New guests and existing ones that want values of which some are root's: exactly these steps are held, and nothing else is left to do. */
async function heldForToken(guest: Guest, version: Version, options: readonly string[]): Promise<readonly string[]> {
  const wanted = options.flatMap((option, at) => {
    const value = samples(manifestValue(guest, version, option), seedOf(option), 20).find((one) => isHeldForRoot(guest, version, option, one) && diffOption(tablesOf(version), guest, option, one, undefined) === 'different');
    return value === undefined ? [] : [{ option, value, subject: { name: `guest-${at}`, vmid: 300 + at } }];
  });
  const world = new World(CLUSTER, { version });
  const yaml = manifestsOf(guest, wanted.map(({ option, value, subject }) => ({ subject, values: { [option]: value } })));
  await world.apply(yaml);
  const plan = await world.plan(yaml);
  return wanted.flatMap(({ option, subject }) => {
    const steps = plan.changes.find((change) => change.ref.name === subject.name)?.steps ?? [];
    const isOnlyThis = steps.length > 0 && steps.every((step) => step.hold?.code === 'ROOT_ONLY') && steps.some((step) => step.title.includes(option));
    return isOnlyThis && world.sim.state.guests[subject.vmid] ? [] : [`${option}: ${steps.map((step) => `${step.title} ${step.hold?.code ?? ''}`).join('; ') || 'no step'}`];
  });
}
