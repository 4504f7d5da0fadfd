// `npm run test:drbd [-- --only TEXT] [-- --for SECONDS] [-- --keep] [-- --trace]`: the stories on real machines, a table of how they went,
// `N passed, N failed`. Exit code 0 also when this machine cannot run any, or none in its time; it then says why.
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { realClock } from '../../controller/env/clock.ts';
import { adoptedChapter } from './adopted-chapter.ts';
import { openBench, wipe } from './bench.ts';
import type { Bench, Chapter } from './bench.ts';
import { factsChapter } from './facts-chapter.ts';
import { forgetRuns, openLab } from './machines.ts';
import type { Lab } from './machines.ts';
import { sharedChapter } from './shared-chapter.ts';
import { singleChapter } from './single-chapter.ts';

/** Played at the same time, each on machines of its own: most of the time they wait. */
const LANES: readonly (readonly Chapter[])[] = [[sharedChapter, factsChapter], [singleChapter, adoptedChapter]];
const NODES = ['pve1', 'pve2'] as const;
const SHOWN_PACKAGES = /^(?:drbd-utils|lvm2|openssh-server|linux-image-.*)$/;

const { values: { keep = false, trace = false, only, for: forSeconds } } = parseArgs({ options: { keep: { type: 'boolean' }, trace: { type: 'boolean' }, only: { type: 'string' }, for: { type: 'string' } } });
const began = realClock.now();
if (forSeconds !== undefined && !/^\d+$/.test(forSeconds)) throw new Error(`--for takes a number of seconds, not ${forSeconds}`);
/** A story that would begin later is not played. */
const endMs = forSeconds === undefined ? Infinity : began + Number(forSeconds) * 1000;
const { XDG_CACHE_HOME } = process.env;
const cache = XDG_CACHE_HOME ? join(XDG_CACHE_HOME, 'latido') : resolve(import.meta.dirname, '..', '..', '.tmp', 'real');
process.exitCode = await main();

async function main(): Promise<number> {
  const image = await buildImage();
  if ('skipped' in image) {
    console.log(`skipped: ${image.skipped}\n0 passed, 0 failed`);
    return 0;
  }
  await forgetRuns(cache);
  const lanes = LANES.map((chapters) => chapters.filter(({ title }) => only === undefined || title.includes(only))).filter((chapters) => chapters.length > 0 || keep);
  const labs = await Promise.all(lanes.map((_, at) => openLab(image.folder, cache, NODES, at)));
  const close = () => Promise.all(labs.map((lab) => lab.close()));
  const stop = () => void close().finally(() => process.exit(1));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const results = (await Promise.all(lanes.map((chapters, at) => playLane(chapters, labs[at])))).flat();
    const count = (result: Result) => results.filter((one) => one === result).length;
    console.log(`all in ${seconds(began)}`);
    if (count('late') > 0) console.log(`skipped: ${count('late')} stories, for which ${forSeconds} seconds were not enough on this machine`);
    if (keep) await lookAround(labs);
    console.log(`${count('passed')} passed, ${count('failed')} failed`);
    return count('failed') > 0 || results.length === 0 ? 1 : 0;
  } finally {
    await close();
  }
}

type Result = 'passed' | 'failed' | 'late';

async function playLane(chapters: readonly Chapter[], lab: Lab | undefined): Promise<readonly Result[]> {
  if (!lab) throw new Error('a lane has machines');
  const started = realClock.now();
  await Promise.all(lab.machines.map((machine) => lab.start(machine)));
  const bench = await openBench(lab, trace ? (line) => console.error(`        ${line}`) : undefined);
  console.log(`two machines after ${seconds(started)}: DRBD ${bench.drbd}, ${versions(lab)}`);
  if (!bench.drbd.startsWith('9')) console.log('DRBD 9: not here, recorded outputs only');
  const results: Result[] = [];
  for (const chapter of chapters) results.push(...await playChapter(chapter, bench));
  await bench.ssh.close();
  return results;
}

/** A story goes on where the one before ended, so after a failure the rest of its chapter says nothing. */
async function playChapter(chapter: Chapter, bench: Bench): Promise<readonly Result[]> {
  const stories = chapter.stories(bench);
  const results: Result[] = [];
  const tell = (how: string, started: number, name: string, more = '') => console.log(`${how.padEnd(4)} ${seconds(started).padStart(7)}  ${chapter.title}: ${name}${more}`);
  for (const [at, { name, play }] of stories.entries()) {
    const started = realClock.now();
    if (started > endMs) {
      results.push('late');
      tell('late', started, name);
      continue;
    }
    try {
      if (at === 0) await wipe(bench);
      await play();
      results.push('passed');
      tell('ok', started, name);
    } catch (error) {
      results.push('failed');
      tell('FAIL', started, name, `\n${(error instanceof Error ? error.stack ?? error.message : String(error)).replaceAll(/^/gm, '          ')}`);
      if (results.length < stories.length) console.log(`     ${stories.length - results.length} more of this chapter were not played`);
      break;
    } finally {
      bench.lab.link.heal();
    }
  }
  return results;
}

/** Exit code 3 of the script: it cannot be done here. */
function buildImage(): Promise<{ readonly folder: string } | { readonly skipped: string }> {
  return new Promise((built, failed) => {
    const script = execFile('bash', [join(import.meta.dirname, 'image.sh'), cache], (error, stdout, stderr) => {
      if (!error) return built({ folder: stdout.trim().split('\n').at(-1) ?? '' });
      return error.code === 3 ? built({ skipped: stderr.trim().split('\n').at(-1) ?? '' }) : failed(error);
    });
    script.stderr?.pipe(process.stderr);
  });
}

async function lookAround(labs: readonly Lab[]): Promise<void> {
  console.log(`\nThe machines run until this is ended (Ctrl-C):\n${labs.flatMap((lab) => lab.machines.map((machine) => `  ${lab.command(machine)}`)).join('\n')}`);
  for (;;) await realClock.sleep(60_000);
}

function versions(lab: Lab): string {
  return [...lab.versions].filter(([name]) => SHOWN_PACKAGES.test(name)).map(([name, version]) => `${name} ${version}`).join(', ');
}

function seconds(since: number): string {
  return `${((realClock.now() - since) / 1000).toFixed(1)} s`;
}
