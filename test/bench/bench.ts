// `npm run bench`: how long validate and plan take for 100, 1,000 and 10,000 guests, over HTTPS, with fresh processes.
// `-- --only daemon`: what the idle daemon costs, on a node and elsewhere, and how soon it notices a change.
// In: --guests 100,1000 --runs 3 --json. Out: a table, how it grows, and an exit code that says whether a promise is broken.
// Must never turn a time into an assertion: only calls and growth are promises.
import { parseArgs } from 'node:util';
import { broken, growthOf } from './promises.ts';
import { planFigures, validateFigures, type Figures } from './scenes.ts';

const { values } = parseArgs({ options: { guests: { type: 'string', default: '100,1000,10000' }, runs: { type: 'string', default: '3' }, only: { type: 'string' }, json: { type: 'boolean', default: false } } });
const sizes = values.guests.split(',').map(Number);
const runs = Number(values.runs);
if (sizes.some((size) => !Number.isInteger(size) || size < 10) || !Number.isInteger(runs) || runs < 1) throw new RangeError('--guests takes numbers of at least 10, --runs one of at least 1');

if (values.only === 'daemon') {
  const { daemonFigures } = await import('./daemon.ts');
  print(['path', 'guests', 'first s', 'idle cpu %', 'idle calls', 'rss MB', 'noticed s']);
  for (const guests of sizes.filter((size) => size <= 1000)) {
    for (const path of ['files', 'api'] as const) {
      const { firstRoundMs, idlePercent, calls, idleSeconds, residentBytes, noticedMs } = await daemonFigures(guests, path);
      print([path, String(guests), (firstRoundMs / 1000).toFixed(2), idlePercent.toFixed(2), `${calls} in ${idleSeconds} s`, (residentBytes / 1e6).toFixed(0), noticedMs === undefined ? '-' : (noticedMs / 1000).toFixed(2)]);
    }
  }
  process.exit(0);
}

const HEADINGS = ['work', 'guests', 'wall s', 'cpu s', 'ms/guest', 'calls', 'MB', 'peak MB', 'lab cpu s'] as const;

const figures: Figures[] = [];
for (const guests of sizes) {
  for (const work of ['validate', 'create', 'adopt', 'unchanged'] as const) {
    if (values.only !== undefined && values.only !== work) continue;
    const measured = work === 'validate' ? await validateFigures(guests, runs) : await planFigures(guests, work, runs);
    figures.push(measured);
    if (!values.json) {
      if (figures.length === 1) print(HEADINGS);
      print(rowOf(measured));
    }
  }
}
const failures = broken(figures);
if (values.json) console.log(JSON.stringify({ format: 'latido.bench/v1', runs, figures, growth: growthOf(figures), broken: failures }, null, 2));
else {
  console.log('\nA guest among so many costs, compared with fewer (1.00 is linear):');
  for (const { work, from, to, cpu, wall, memory } of growthOf(figures)) console.log(`  ${work.padEnd(10)} ${`${from} -> ${to}`.padEnd(16)} processor ${cpu.toFixed(2)}  wall ${wall.toFixed(2)}  memory ${memory.toFixed(2)}`);
  for (const failure of failures) console.log(`BROKEN ${failure}`);
}
process.exitCode = failures.length > 0 ? 1 : 0;


function rowOf({ work, guests, wallMs, cpuMs, calls, bytes, peakBytes, labCpuMs }: Figures): readonly string[] {
  return [work, String(guests), (wallMs / 1000).toFixed(2), (cpuMs / 1000).toFixed(2), (wallMs / guests).toFixed(2), String(calls), (bytes / 1e6).toFixed(1), (peakBytes / 1e6).toFixed(0), (labCpuMs / 1000).toFixed(2)];
}

function print(cells: readonly string[]): void {
  console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(10) : cell.padStart(10))).join(' '));
}
