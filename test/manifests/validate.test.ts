import { createRegistry } from '../../controller/kinds/index.ts';
import { tables } from '../sim/lab.ts';
import { describe, expect, test } from 'vitest';
import { parseFiles } from '../../controller/manifests/parse.ts';
import { countFindings, renderFindings } from '../../controller/manifests/render-findings.ts';
import { declaredVersion, validate } from '../../controller/manifests/validate.ts';
import type { Validation } from '../../controller/manifests/validate.ts';
import { TOY_KINDS } from './toy-kinds.ts';

const CLUSTER = 'apiVersion: latido/v1\nkind: Cluster\nmetadata: { name: unq }\nspec:\n  endpoints: ["https://a:8006"]\n';

function validated(...files: readonly string[]): Validation {
  return validate(parseFiles(files.map((text, i) => ({ path: `${'abcdef'[i]}.yaml`, text }))), 'dir', TOY_KINDS);
}
/** Documents of one file that follows a.yaml with the Cluster: `b.yaml:LINE:COLUMN` of every finding, with fact and fix. */
function mistakes(text: string, cluster = CLUSTER): readonly string[] {
  return renderFindings(validated(cluster, text).findings);
}
function machine(name: string, spec: string, kind = 'VirtualMachine'): string {
  return `---\napiVersion: latido/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
}

describe('a valid commit', () => {
  const text = machine('web', '{ vmid: 101 }') + machine('db', '{ vmid: 100 }') + machine('box', '{ vmid: 102 }', 'Container') + machine('pve1', '', 'Node');
  test('becomes a Desired in the order of the kinds and names', () => {
    const { desired, findings } = validated(text, CLUSTER);
    expect(findings).toEqual([]);
    expect(desired?.objects.map(({ ref }) => `${ref.kind}/${ref.name}`)).toEqual(['Cluster/unq', 'Node/pve1', 'VirtualMachine/db', 'VirtualMachine/web', 'Container/box']);
    expect(desired).toMatchObject({ revision: 'dir', cluster: { ref: { name: 'unq' }, spec: { endpoints: ['https://a:8006'] } } });
  });
  test('keeps places and annotations', () => {
    const web = validated(CLUSTER, 'apiVersion: latido/v1\nkind: VirtualMachine\nmetadata:\n  name: web\n  annotations: { owner: me }\nspec:\n  vmid: 100\n').desired?.objects[1];
    expect(web?.annotations).toEqual({ owner: 'me' });
    expect(web?.place('spec.vmid')).toEqual({ file: 'b.yaml', line: 7, column: 3 });
    expect(web?.place('spec.config.cores')).toEqual({ file: 'b.yaml', line: 6, column: 1 });
  });
  test('with warnings only is still valid', () => {
    const { desired, findings } = validated(CLUSTER, machine('web', '{ vmid: 100 }') + machine('web', '{ vmid: 101 }', 'Container'));
    expect(findings.map(({ severity }) => severity)).toEqual(['warning']);
    expect(desired?.objects).toHaveLength(3);
  });
});

describe('the outer shape', () => {
  test.each([
    ['no manifest', 'just text', ['MANIFEST_SCHEMA b.yaml:1:1: the document is "just text", not a manifest', '  fix: start with apiVersion: latido/v1, kind, metadata and spec']],
    ['a list', '- a', ['MANIFEST_SCHEMA b.yaml:1:1: the document is a list, not a manifest', '  fix: start with apiVersion: latido/v1, kind, metadata and spec']],
    ['an empty map', '{}', [
      'MANIFEST_SCHEMA b.yaml:1:1: apiVersion is missing', '  fix: add "apiVersion: latido/v1"',
      'MANIFEST_SCHEMA b.yaml:1:1: kind is missing', '  fix: add "kind: …": Cluster, Node, Storage, Group, VirtualMachine or Container',
      'MANIFEST_SCHEMA b.yaml:1:1: metadata is missing', '  fix: add "metadata: { name: … }"',
    ]],
    ['another version', 'apiVersion: v1\nkind: Node\nmetadata: { name: a }', ['MANIFEST_SCHEMA b.yaml:1:1 Node/a: apiVersion is "v1", and this latido reads latido/v1', '  fix: write "apiVersion: latido/v1"']],
    ['a misspelt kind', 'apiVersion: latido/v1\nkind: VirtualMachin\nmetadata: { name: a }', ['MANIFEST_SCHEMA b.yaml:2:1: there is no kind "VirtualMachin"', '  fix: did you mean "VirtualMachine"?']],
    ['misspelt and foreign fields', 'apiVersion: latido/v1\nkind: Node\nmetadata: { name: a, labels: {} }\nspecs: {}\nstatus: {}', [
      'MANIFEST_SCHEMA b.yaml:3:22 Node/a: there is no field metadata.labels', '  fix: write name or annotations',
      'MANIFEST_SCHEMA b.yaml:4:1 Node/a: there is no field specs', '  fix: did you mean "spec"?',
      'MANIFEST_SCHEMA b.yaml:5:1 Node/a: there is no field status', '  fix: write apiVersion, kind, metadata or spec',
    ]],
    ['a name that is a number', 'apiVersion: latido/v1\nkind: Node\nmetadata: { name: 1.10 }', ['MANIFEST_SCHEMA b.yaml:3:13: metadata.name must be text, and is 1.1', '  fix: write it in quotes: "1.10"']],
    ['no name', 'apiVersion: latido/v1\nkind: Node\nmetadata: {}', ['MANIFEST_SCHEMA b.yaml:3:1: metadata.name is missing', '  fix: add "name: …" to metadata']],
    ['metadata that is no map', 'apiVersion: latido/v1\nkind: Node\nmetadata: a', ['MANIFEST_SCHEMA b.yaml:3:1: metadata must be a map, and is "a"', '  fix: write "metadata: { name: … }"']],
    ['annotations that are no texts', 'apiVersion: latido/v1\nkind: Node\nmetadata: { name: a, annotations: { x: 1 } }', ['MANIFEST_SCHEMA b.yaml:3:37 Node/a: the annotation "x" must be text, and is 1', '  fix: write it in quotes']],
    ['a spec that is no map', 'apiVersion: latido/v1\nkind: Node\nmetadata: { name: a }\nspec: 5', ['MANIFEST_SCHEMA b.yaml:4:1 Node/a: spec must be a map, and is 5', '  fix: write its fields below it, indented']],
  ])('%s', (_, text, expected) => {
    expect(mistakes(text)).toEqual(expected);
  });

  test.each(['web', 'tests/ci', 'alice@pve', 'debian-12.qcow2', '7'])('%s is a name', (name) => {
    expect(mistakes(machine(`"${name}"`, '{}', 'Node'))).toEqual([]);
  });
  test.each(['', '-web', 'a b', 'a//b', 'a/', '../x', 'ñ', 'a'.repeat(129), 'a\\nb'])('"%s" is not', (name) => {
    expect(validated(CLUSTER, machine(`"${name}"`, '{}', 'Node')).findings).toMatchObject([{ code: 'NAME_INVALID', place: { line: 4, column: 13 } }]);
  });
});

describe('the schema of the kind', () => {
  /** Without the code, the place below `spec:` on line 5, and the ref. */
  function specMistakes(spec: string) {
    return mistakes(machine('web', spec)).map((line) => line.replace(/^MANIFEST_SCHEMA b\.yaml:(\S+) VirtualMachine\/web: /, '$1 '));
  }
  test.each([
    ['a required field', '{}', ['5:1 spec.vmid is missing', '  fix: add "vmid: …" (The id of the guest)']],
    ['an unknown field', '{ vmid: 100, pwer: running }', ['5:20 there is no field spec.pwer', '  fix: did you mean "power"?']],
    ['an unknown field that is like no other', '{ vmid: 100, config: { qqqqqq: 1 } }', ['5:30 there is no field spec.config.qqqqqq', '  fix: write cores, hostname or name']],
    ['a wrong choice', '{ vmid: 100, power: runing }', ['5:20 spec.power is "runing", and can be running or stopped', '  fix: did you mean "running"?']],
    ['text for a number', '{ vmid: "100" }', ['5:9 spec.vmid must be a whole number, and is "100"', '  fix: write it without quotes: 100']],
    ['a number for text', '{ vmid: 100, storage: 1.10 }', ['5:20 spec.storage must be text, and is 1.1', '  fix: write it in quotes: "1.10"']],
    ['yes for true', '{ vmid: 100, template: yes }', ['5:20 spec.template must be true or false, and is "yes"', '  fix: write true']],
    ['nothing', '{ vmid: 100, storage: }', ['5:20 spec.storage must be text, and is empty', '  fix: write a value, or remove the line']],
    ['one for many', '{ vmid: 100, tags: a }', ['5:20 spec.tags must be a list, and is "a"', '  fix: write a list: [ … ]']],
    ['too small', '{ vmid: 99 }', ['5:9 spec.vmid is 99, and the least is 100', '  fix: write 100 or more']],
    ['a repeated item', '{ vmid: 100, tags: [a, b, a] }', ['5:33 spec.tags repeats an item of the list', '  fix: remove one of the two']],
    ['a secret is not shown', '{ vmid: 100, password: [hunter2] }', ['5:20 spec.password must be text, and is a list']],
    ['nor when it is too long', '{ vmid: 100, password: hunter2 }', ['5:20 spec.password is longer than 3 characters', '  fix: write a shorter one']],
    ['nor when it is a number', '{ vmid: 100, password: 12345 }', ['5:20 spec.password must be text, and is something that is not shown here', '  fix: write it in quotes: "…"']],
    ['neither of two types', '{ vmid: 100, config: { net0: 5 } }', ['5:30 spec.config.net0 must be text or a map, and is 5', '  fix: write it in quotes: "5"']],
    ['the branch of its type: a map', '{ vmid: 100, config: { net0: { model: vrtio, tag: 5000 } } }', ['5:30 spec.config.net0.bridge is missing', '  fix: add "bridge: …"', '5:38 spec.config.net0.model is "vrtio", and can be virtio or e1000', '  fix: did you mean "virtio"?', '5:52 spec.config.net0.tag is 5000, and the most is 4094', '  fix: write 4094 or less']],
    ['the branch of its type: text', '{ vmid: 100, config: { net0: x } }', ['5:30 spec.config.net0 is shorter than 3 characters', '  fix: write a longer one']],
  ])('%s', (_, spec, expected) => {
    expect(specMistakes(spec)).toEqual(expected);
  });

  test('a text of the wrong form gets an example', () => {
    expect(mistakes('', CLUSTER.replace('https://a', 'a'))).toEqual(['MANIFEST_SCHEMA a.yaml:5:15 Cluster/unq: spec.endpoints.0 is "a:8006", which does not have the right form', '  fix: write it like "https://192.168.22.40:8006"', 'warning MANIFEST_UNREADABLE b.yaml:1:1: the file holds no document: what it may have named before counts as gone from Git', '  fix: write its manifests, or remove the file']);
  });

  test('very many mistakes are cut', () => {
    const { findings } = validated(CLUSTER, machine('web', `{ vmid: 100, config: { ${Array.from({ length: 60 }, (_, i) => `x${i}: 1`).join(', ')} } }`));
    expect(findings).toHaveLength(51);
    expect(findings[0]?.fact).toBe('10 more mistakes in this document');
  });

  test("the kind's own findings join in", () => {
    expect(mistakes(machine('web', '{ vmid: 100, template: true, power: running }'))).toEqual(['OPTION_INVALID b.yaml:5:36 VirtualMachine/web: a template cannot run']);
  });
});

describe('the whole commit', () => {
  test.each([
    ['an object twice', machine('web', '{ vmid: 100 }') + machine('web', '{ vmid: 101 }'), ['DUPLICATE b.yaml:9:13 VirtualMachine/web: VirtualMachine/web is defined already at b.yaml:4:13', '  fix: rename or remove one of the two']],
    ['a VMID twice, across kinds', machine('web', '{ vmid: 100 }') + machine('box', '{ vmid: 100 }', 'Container'), ['DUPLICATE b.yaml:10:9 Container/box: the VMID 100 is taken already by VirtualMachine/web at b.yaml:5:9', '  fix: give one of the two another']],
    ['a reference that nobody defines', machine('web', '{ vmid: 100 }') + machine('copy', '{ vmid: 101, from: wb }'), ['REFERENCE_MISSING b.yaml:10:20 VirtualMachine/copy: no manifest defines VirtualMachine/wb', '  fix: did you mean "web"?']],
    ['a reference without a near name', machine('copy', '{ vmid: 101, from: nothing }'), ['REFERENCE_MISSING b.yaml:5:20 VirtualMachine/copy: no manifest defines VirtualMachine/nothing', '  fix: add a document with kind: VirtualMachine and name: nothing, or name another']],
    ['a reference that the kind itself misses is said once', machine('particular', '{ vmid: 100, from: nothing }'), ['REFERENCE_MISSING b.yaml:5:20 VirtualMachine/particular: the kind says it better']],
    ['a kind misses nothing while what it means has mistakes', machine('particular', '{ vmid: 100, from: web }') + machine('web', '{ vmid: 5 }'), ['MANIFEST_SCHEMA b.yaml:10:9 VirtualMachine/web: spec.vmid is 5, and the least is 100', '  fix: write 100 or more']],
    ['what the cluster may have is not missing', machine('web', '{ vmid: 100, storage: ceph }'), []],
    ['a document with mistakes is not missing', machine('web', '{ vmid: 5 }') + machine('copy', '{ vmid: 101, from: web }'), ['MANIFEST_SCHEMA b.yaml:5:9 VirtualMachine/web: spec.vmid is 5, and the least is 100', '  fix: write 100 or more']],
    ['nothing is missing while a document is unreadable', `${machine('copy', '{ vmid: 101, from: web }')}---\na: "\n`, [`MANIFEST_SYNTAX b.yaml:7:4: a quote is opened here and never closed`, `  fix: close it; a quote inside of quotes is written twice ('') or after a backslash (\\")`]],
    ['a circle', machine('a', '{ vmid: 100, from: b }') + machine('b', '{ vmid: 101, from: c }') + machine('c', '{ vmid: 102, from: a }'), ['REFERENCE_CYCLE b.yaml:5:20 VirtualMachine/a: VirtualMachine/a needs VirtualMachine/b needs VirtualMachine/c needs VirtualMachine/a', '  fix: remove one of these references']],
    ['itself', machine('a', '{ members: { a: 1 } }', 'Group'), ['REFERENCE_CYCLE b.yaml:5:20 Group/a: Group/a needs itself', '  fix: remove one of these references']],
    ['a diamond is no circle', machine('a', '{ members: { b: 1, c: 1 } }', 'Group') + machine('b', '{ members: { d: 1 } }', 'Group') + machine('c', '{ members: { d: 1 } }', 'Group') + machine('d', '{}', 'Group'), []],
    ['a guest name twice', machine('web', '{ vmid: 100 }') + machine('old', '{ vmid: 101, config: { hostname: WEB } }', 'Container'), ['warning DUPLICATE b.yaml:10:30 Container/old: the guest VirtualMachine/web at b.yaml:4:13 has the name "WEB" too', '  fix: rename one of the two']],
  ])('%s', (_, text, expected) => {
    expect(mistakes(text)).toEqual(expected);
  });

  test('a long chain of needs is walked without recursion', () => {
    const chain = Array.from({ length: 3000 }, (_, i) => machine(`g${i}`, `{ members: { g${i + 1}: 1 } }`, 'Group')).join('') + machine('g3000', '{}', 'Group');
    expect(mistakes(chain)).toEqual([]);
  });

  test.each([
    ['no Cluster', [machine('pve1', '{}', 'Node')], ['CLUSTER_MISSING: no document has kind: Cluster', '  fix: add one with the endpoints of the cluster, or name the folder of one cluster']],
    ['no manifests at all', [''], ['CLUSTER_MISSING: no document has kind: Cluster', '  fix: add one with the endpoints of the cluster, or name the folder of one cluster', 'warning MANIFEST_UNREADABLE a.yaml:1:1: the file holds no document: what it may have named before counts as gone from Git', '  fix: write its manifests, or remove the file']],
    ['two Clusters', [CLUSTER, CLUSTER.replace('unq', 'other')], ['CLUSTER_MISSING b.yaml:2:1 Cluster/other: Cluster/unq is defined already at a.yaml:2:1, and a commit is for one cluster', '  fix: give each cluster a folder of its own, and name one of them']],
    ['a Cluster with mistakes is not missing', [CLUSTER.replace('endpoints', 'endpoint')], ['MANIFEST_SCHEMA a.yaml:4:1 Cluster/unq: spec.endpoints is missing', '  fix: add "endpoints: …" (Where its API answers)', 'MANIFEST_SCHEMA a.yaml:5:3 Cluster/unq: there is no field spec.endpoint', '  fix: did you mean "endpoints"?']],
  ])('%s', (_, files, expected) => {
    const { desired, findings } = validated(...files);
    expect(renderFindings(findings)).toEqual(expected);
    expect(desired).toBeUndefined();
  });

  test.each([
    ['"virtio=BC:24:11:00:00:01,bridge=vmbr0"', '{ model: virtio, macaddr: "bc:24:11:00:00:01", bridge: vmbr0 }'],
    ['"virtio,macaddr=BC:24:11:00:00:01,bridge=vmbr0"', '"name=eth0,hwaddr=bc:24:11:00:00:01,bridge=vmbr0"'],
  ])('a MAC address in two spellings: %s', (one, other) => {
    const text = machine('web', `{ vmid: 100, config: { net1: ${one} } }`) + machine('box', `{ vmid: 101, config: { net0: ${other} } }`, 'Container');
    expect(mistakes(text)).toEqual(['DUPLICATE b.yaml:10:30 Container/box: the MAC address BC:24:11:00:00:01 is used already by net1 of VirtualMachine/web at b.yaml:5:30', '  fix: remove one of the two, and Proxmox will make one up']);
  });
});

describe('the rules of the cluster', () => {
  function policy(text: string, more = ''): readonly string[] {
    return mistakes(machine('web', '{ vmid: 100 }'), `${CLUSTER}  policy: ${text}\n${more}`).map((line) => line.replace('POLICY_INVALID a.yaml:', ''));
  }
  test.each([
    ['windows are needed', '{ restart: window }', ['6:13 Cluster/unq: restart is "window", and there are no windows', '  fix: add policy.windows, or write restart: never or now']],
    ['windows without effect', '{ windows: [{ start: "02:00", hours: 1 }] }', ['warning 6:13 Cluster/unq: windows have no effect while restart is "never"', '  fix: write restart: window']],
    ['a time', '{ restart: window, windows: [{ start: "24:00", hours: 1 }] }', ['6:42 Cluster/unq: "24:00" is not a time of day', '  fix: write hours and minutes: "02:00"']],
    ['hours', '{ restart: window, windows: [{ start: "02:00", hours: 0 }] }', ['6:58 Cluster/unq: a window of 0 hours is not possible', '  fix: write more than 0 and at most 168']],
    ['a time zone', '{ restart: window, windows: [{ start: "02:00", hours: 1, timezone: America/Quilmes }] }', ['6:68 Cluster/unq: "America/Quilmes" is not a time zone', '  fix: write a name of the IANA list, such as Europe/Madrid or UTC']],
    ['a good window', '{ restart: window, windows: [{ days: [sat], start: "02:00", hours: 4, timezone: America/Argentina/Buenos_Aires }] }', []],
    ['a range upside down', '{ vmids: { from: 200, to: 100 } }', ['6:13 Cluster/unq: vmids start at 200 and end at 100', '  fix: write the smaller number as from']],
    ['a VMID outside', '{ vmids: { from: 200, to: 300 } }', ['POLICY_INVALID b.yaml:5:9 VirtualMachine/web: the VMID 100 is outside of 200 to 300, which the cluster\'s policy allows', '  fix: choose a VMID in that range, or widen policy.vmids of the Cluster']],
    ['a VMID at the edge', '{ vmids: { from: 100, to: 100 } }', []],
  ])('%s', (_, text, expected) => {
    expect(policy(text)).toEqual(expected);
  });

  const two = machine('pve1', '{}', 'Node') + machine('pve2', '{}', 'Node');
  test.each([
    ['two nodes and HA', two + machine('web', '{ vmid: 100, ha: {} }'), CLUSTER, 1],
    ['with a QDevice', two + machine('web', '{ vmid: 100, ha: {} }'), `${CLUSTER}  qdevice: true\n`, 0],
    ['three nodes', two + machine('pve3', '{}', 'Node') + machine('web', '{ vmid: 100, ha: {} }'), CLUSTER, 0],
    ['HA that ignores the guest', two + machine('web', '{ vmid: 100, ha: { state: ignored } }'), CLUSTER, 0],
    ['no HA', two + machine('web', '{ vmid: 100 }'), CLUSTER, 0],
  ])('a third vote: %s', (_, text, cluster, warnings) => {
    const { findings, desired } = validated(cluster, text);
    expect(findings.map(({ code, severity }) => [code, severity])).toEqual(Array.from({ length: warnings }, () => ['HA_WITHOUT_THIRD_VOTE', 'warning']));
    expect(desired).toBeDefined();
  });
});

test('findings are in the order of file, line and column, those of the whole first', () => {
  const { findings } = validated(machine('web', '{ vmid: 5, x: 1 }'), 'a: "', machine('web', '{}', 'Node') + machine('web', '{}', 'Node'));
  expect(findings.map(({ place }) => `${place?.file}:${place?.line}:${place?.column}`)).toEqual(['a.yaml:5:9', 'a.yaml:5:18', 'b.yaml:1:4', 'c.yaml:9:13']);
});

test('the version that the Cluster asks for is known before anything is checked', () => {
  expect(declaredVersion(parseFiles([{ path: 'a.yaml', text: `${CLUSTER}  version: "8.4"\n  nonsense: 1` }]))).toBe('8.4');
  expect(declaredVersion(parseFiles([{ path: 'a.yaml', text: CLUSTER }]))).toBeUndefined();
});

describe('findings as text', () => {
  test('all parts', () => {
    expect(renderFindings([{ code: 'STORAGE_UNKNOWN', severity: 'warning', fact: 'no such storage', fix: 'name another', place: { file: 'a.yaml', line: 1, column: 2 }, ref: { kind: 'VirtualMachine', name: 'web' }, node: 'pve1' }]))
      .toEqual(['warning STORAGE_UNKNOWN a.yaml:1:2 VirtualMachine/web, node pve1: no such storage', '  fix: name another']);
  });
  test('nothing but a fact', () => {
    expect(renderFindings([{ code: 'USAGE', severity: 'error', fact: 'no' }])).toEqual(['USAGE: no']);
  });
  test('what comes from a file cannot write to the terminal', () => {
    expect(renderFindings([{ code: 'USAGE', severity: 'error', fact: 'a\u001b[31mred\nb' }])).toEqual(['USAGE: a\\x1b[31mred b']);
  });
  test('counted', () => {
    const error = { code: 'USAGE', severity: 'error', fact: '' } as const;
    expect(countFindings([error, error, { ...error, severity: 'warning' }])).toBe('2 errors, 1 warning');
    expect(countFindings([])).toBe('');
  });
});

test('a misspelt field hides no other mistake of its document', () => {
  const text = `apiVersion: latido/v1
kind: Cluster
metadata: { name: c }
spec: { endpoints: ["https://a:8006"] }
---
apiVersion: latido/v1
kind: VirtualMachine
metadata: { name: web }
spec:
  vmid: 200
  powr: running
  config: { cors: 2, memory: lots }
`;
  const { findings } = validate(parseFiles([{ path: 'c.yaml', text }]), 'dir', createRegistry(tables()));
  expect(findings.map(({ code, place }) => `${code} ${place?.line}:${place?.column}`)).toEqual(['MANIFEST_SCHEMA 11:3', 'OPTION_UNKNOWN 12:13', 'OPTION_INVALID 12:22']);
});
