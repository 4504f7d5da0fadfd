// In: what the operator, the program and the simulated cluster tell. Out: one log in virtual seconds.
// Must never hide a failure of the cluster's: only what the program tells itself is left out of the cluster's lines.
import type { Simulation } from '../../controller/sim/simulation.ts';

/** Housekeeping of the HA manager, told every time it has nothing or something to do. */
const NOISE = [/^lrm: status change/, /^crm: status change/];
const TASK = /^task \S+ \S+ (started|ended: OK)$/;
const FIRST_COLUMN = 8;
const SECOND_COLUMN = 9;

export class StoryLog {
  private readonly lines: string[] = [];
  private readonly startMs: number;
  private seen = 0;
  private isNewChapter = false;
  /** Its own tasks are told as steps; who else starts tasks meanwhile is told by what becomes of the guests. */
  latidoWorks = false;

  constructor(private readonly sim: Simulation) {
    this.startMs = sim.clock.now();
  }

  /** A gap before what comes next, so that a reader sees whose turn it is. */
  chapter(): void {
    this.isNewChapter = true;
  }

  write(who: string, ...lines: readonly string[]): void {
    this.catchUp();
    const seconds = ((this.sim.clock.now() - this.startMs) / 1000).toFixed(1);
    for (const [at, line] of lines.entries()) this.push(at === 0 ? seconds : '', at === 0 ? who : '', line);
  }

  /** What the cluster has done meanwhile. */
  catchUp(): void {
    const lines = this.sim.log.lines();
    for (const line of lines.slice(this.seen)) {
      const [, seconds = '', node = '', text = line] = /^ *(\S+) ([^:]+): (.*)$/s.exec(line) ?? [];
      if (NOISE.some((noise) => noise.test(text)) || (this.latidoWorks && TASK.test(text))) continue;
      this.push(seconds, node === 'story' ? 'world' : node, text.replace(/ \[\]$/, ''));
    }
    this.seen = lines.length;
  }

  text(): string {
    return `${this.lines.join('\n')}\n`;
  }

  private push(seconds: string, who: string, text: string): void {
    if (this.isNewChapter && this.lines.length > 0) this.lines.push('');
    this.isNewChapter = false;
    this.lines.push(`${seconds.padStart(FIRST_COLUMN)}  ${who.padEnd(SECOND_COLUMN)} ${text}`.trimEnd());
  }
}
