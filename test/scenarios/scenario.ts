// In: a folder of test/scenarios/stories. Out: its commits, the cluster it starts on, what happens, and what it expects.
// Must never pass over a line that it does not understand: a story with a gap tells something else.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { parseFiles } from '../../controller/manifests/parse.ts';
import type { Parsed } from '../../controller/manifests/parse.ts';
import type { ClusterSpec } from '../../controller/sim/cluster-spec.ts';
import { parseLive } from '../../controller/sim/live-file.ts';
import { parseDeeds } from './deeds.ts';
import type { Deed } from './deeds.ts';

export const STORIES = new URL('stories', import.meta.url).pathname;

export interface Scenario {
  readonly folder: string;
  readonly version: string;
  readonly cluster: ClusterSpec;
  /** By name: `before` is the text of before.yaml, with the story's own or the usual Cluster. */
  readonly commits: ReadonlyMap<string, Parsed>;
  readonly deeds: readonly Deed[];
  /** What the README says is held at the end, as `VirtualMachine/web REFUSED`, sorted. */
  readonly remains: readonly string[];
}

/** A story says so in its README when it is another one. */
const VERSION = '9.2';
const NO_COMMIT = new Set(['live.yaml', 'script.yaml', 'cluster.yaml']);
/** Policies are the product's defaults, as somebody has them who wrote none. */
const USUAL_CLUSTER = `apiVersion: latido/v1
kind: Cluster
metadata: { name: lab }
spec: { endpoints: ["https://pve1:8006", "https://pve2:8006"] }
`;

export function scenarioNames(): readonly string[] {
  return readdirSync(STORIES).sort();
}

export function readScenario(name: string): Scenario {
  const folder = join(STORIES, name);
  const text = (file: string) => (existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : undefined);
  const live = text('live.yaml');
  const readme = text('README.md') ?? '';
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml') && !NO_COMMIT.has(file)).sort();
  const common = text('cluster.yaml') ?? USUAL_CLUSTER;
  return {
    folder, version: /^Proxmox VE (\d+\.\d+)\b/m.exec(readme)?.[1] ?? VERSION,
    cluster: live === undefined ? {} : parseLive(live, `${name}/live.yaml`),
    commits: new Map(files.map((file) => [basename(file, '.yaml'), commitFrom(file, text(file) ?? '', common)])),
    deeds: parseDeeds(parse(text('script.yaml') ?? '')),
    remains: readme.split('\n').flatMap((line) => /^Remains held: (\S+ [A-Z_]+)$/.exec(line)?.[1] ?? []).sort(),
  };
}

function commitFrom(file: string, text: string, common: string): Parsed {
  const hasCluster = /^kind: Cluster$/m.test(text);
  return parseFiles([...(hasCluster ? [] : [{ path: 'cluster.yaml', text: common }]), { path: file, text }]);
}
