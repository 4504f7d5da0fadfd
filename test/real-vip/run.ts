// `npm run test:vip [-- --only TEXT]`: the stories with the real keepalived and the real heartbeat, in namespaces of this machine; how they
// went and what they measured, then `N passed, N failed`. Exit code 0 also when this machine cannot run any; it then says why.
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, Chapter } from './bench.ts';
import { heartbeatAdoptChapter, heartbeatChapter } from './heartbeat-chapter.ts';
import { keepalivedChapter, keepalivedSecretsChapter } from './keepalived-chapter.ts';
import { openLab } from './nodes.ts';
import { openProduct } from './product.ts';

const CHAPTERS: readonly Chapter[] = [keepalivedChapter, keepalivedSecretsChapter, heartbeatChapter, heartbeatAdoptChapter];
const { values: { only } } = parseArgs({ options: { only: { type: 'string' } } });
const { XDG_CACHE_HOME } = process.env;
const cache = XDG_CACHE_HOME ? join(XDG_CACHE_HOME, 'latido') : resolve(import.meta.dirname, '..', '..', '.tmp', 'real-vip');
process.exitCode = await main();

async function main(): Promise<number> {
  const started = performance.now();
  const programs = await unpack();
  if ('skipped' in programs) {
    console.log(`skipped: ${programs.skipped}\n0 passed, 0 failed`);
    return 0;
  }
  const chosen = CHAPTERS.filter(({ title }) => only === undefined || title.includes(only));
  // Each has nodes of its own, so all can be played at the same time.
  const results = (await Promise.all(chosen.map((chapter) => playChapter(chapter, programs.folder)))).flat();
  const failed = results.filter((isPassed) => !isPassed).length;
  console.log(`all in ${seconds(started)}\n${results.length - failed} passed, ${failed} failed`);
  return failed > 0 || results.length === 0 ? 1 : 0;
}

/** A story goes on where the one before ended, so after a failure the rest of its chapter says nothing. */
async function playChapter(chapter: Chapter, programs: string): Promise<readonly boolean[]> {
  const lab = await openLab(programs, ['pve1', 'pve2', 'pve3']);
  const stop = () => void lab.close().finally(() => process.exit(1));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const bench: Bench = { lab, product: openProduct(lab) };
  const lines = { push: (line: string) => console.log(line.replaceAll(/^/gm, `${chapter.title.padEnd(17)} `)) };
  lines.push(`${await lab.sh('pve1', '{ keepalived --version 2>&1 | head -n 1; echo "heartbeat $(/usr/libexec/heartbeat/heartbeat -V)"; } | tr "\\n" " "')}`);
  const results: boolean[] = [];
  const stories = chapter.stories(bench);
  try {
    await bench.product.settle('');
    for (const { name, play } of stories) {
      const started = performance.now();
      try {
        const measured = await play();
        results.push(true);
        lines.push(`  ok    ${seconds(started).padStart(7)}  ${name}${measured === undefined ? '' : `  (${measured})`}`);
      } catch (error) {
        results.push(false);
        lines.push(`  FAIL  ${seconds(started).padStart(7)}  ${name}\n${(error instanceof Error ? error.stack ?? error.message : String(error)).replaceAll(/^/gm, '          ')}`);
        for (const node of lab.names) lines.push(`        ${node}: ${(await lab.sh(node, 'ip -br addr show vmbr0; tail -n 15 /var/log/keepalived.log /var/log/heartbeat.log /var/log/ha-log 2> /dev/null || true').catch(String)).replaceAll('\n', '\n          ')}`);
        if (results.length < stories.length) lines.push(`        ${stories.length - results.length} more of this chapter were not played`);
        break;
      }
    }
  } finally {
    await lab.close();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  return results;
}

/** Exit code 3 of the script: it cannot be done here. */
function unpack(): Promise<{ readonly folder: string } | { readonly skipped: string }> {
  return new Promise((done, failed) => {
    execFile('bash', [join(import.meta.dirname, 'packages.sh'), cache], (error, stdout, stderr) => {
      const last = (text: string) => text.trim().split('\n').at(-1) ?? '';
      if (error?.code === 3) done({ skipped: last(stderr) });
      else if (error) failed(new Error(`packages.sh: ${stderr}`));
      else done({ folder: last(stdout) });
    });
  });
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
