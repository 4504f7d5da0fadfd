// In: arguments of latido. Out: what one fresh process of it took, seen from outside.
// Must never reuse a process: everything that a program keeps in memory would make the second run look better.
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

export interface Measured { readonly wallMs: number; readonly cpuMs: number; readonly peakBytes: number; readonly output: string }

const LATIDO = fileURLToPath(new URL('../../controller/main.js', import.meta.url));
const USAGE = new URL('./usage.js', import.meta.url).href;
/** A plan of ten thousand guests is some ten megabytes of text. */
const OUTPUT_MAX = 512 * 1024 * 1024;
/** Thirty times the goal for the largest plan: whatever takes longer hangs. */
const TIMEOUT_MS = 600_000;

export async function measure(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Measured> {
  const started = performance.now();
  const run = await execa(process.execPath, ['--import', USAGE, LATIDO, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe', 'pipe'], reject: false, maxBuffer: OUTPUT_MAX, timeout: TIMEOUT_MS });
  const wallMs = performance.now() - started;
  if (run.exitCode !== 0) throw new Error(`latido ${args.join(' ')} ended with ${run.exitCode ?? run.signal ?? 'nothing'}:\n${`${run.stderr}${run.stdout}`.slice(0, 4000)}`);
  const used = JSON.parse(String(run.stdio[3])) as { readonly peakBytes: number; readonly cpuMs: number };
  return { wallMs, ...used, output: run.stdout };
}

/** The middle run by wall time, so that its figures belong together. */
export function medianOf<Run extends { readonly wallMs: number }>(runs: readonly Run[]): Run {
  const sorted = [...runs].sort((a, b) => a.wallMs - b.wallMs);
  const middle = sorted[(sorted.length - 1) >> 1];
  if (!middle) throw new Error('nothing was measured');
  return middle;
}
