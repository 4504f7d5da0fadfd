// In: pairs of texts, one recorded and one simulated. Out: whether they say the same once what servers make up (UPIDs, MACs,
// digests …) is paired as it first appears and what depends on hardware and hour (durations, rates, dates) is left out.
// Must never accept one made-up value for two recorded ones, or two for one.

type Kind = 'generated' | 'figure' | 'task';
interface Token { readonly kind: Kind; readonly text: string }

const patterns: readonly (readonly [Kind, string])[] = [
  ['task', String.raw`UPID:[\w-]+:[0-9A-F]{8,}:[0-9A-F]{8,}:[0-9A-F]{8}:[^:\s]*:[^:\s]*:[^:\s]+?:`],
  ['generated', String.raw`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`],
  ['figure', String.raw`(?:[0-9A-F]{2}:){31}[0-9A-F]{2}`], // certificate fingerprint
  ['generated', String.raw`(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}`],
  ['generated', String.raw`\b[0-9a-f]{40}\b`],
  ['generated', String.raw`pveupload-[0-9a-f]{32}`],
  ['generated', String.raw`\b\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d\b`], // in names of backups
  ['figure', String.raw`\b\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}\b`],
  ['figure', String.raw`\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d`],
  ['figure', String.raw`\b\d\d:\d\d:\d\d\b`],
  ['figure', String.raw`\b1[78]\d{8}\b`], // unix seconds
  ['figure', String.raw`\b\d+(?:\.\d+)? ?(?:[KMGT]?i?B|bytes)(?:\/s)?(?!\w)`],
  ['figure', String.raw`\b\d+(?:\.\d+)? ?(?:ms|s|seconds?)\b`],
  ['figure', String.raw`\b\d+(?:\.\d+)? ?%`],
  ['figure', String.raw`(?<=\b(?:pid|PID|process) )\d+`],
  ['figure', String.raw`(?<=bytes written: )\d+`],
];
const anyToken = new RegExp(patterns.map(([, source]) => `(${source})`).join('|'), 'g');

/** What is the same everywhere although it looks made up: sha1 of nothing. */
const universal: readonly string[] = ['da39a3ee5e6b4b0d3255bfef95601890afd80709'];

export class GeneratedValues {
  private readonly toSimulated: Map<string, string>;
  private readonly toRecorded: Map<string, string>;

  constructor(from?: GeneratedValues) {
    const same = universal.map((text) => [text, text] as const);
    this.toSimulated = new Map(from ? from.toSimulated : same);
    this.toRecorded = new Map(from ? from.toRecorded : same);
  }

  /** A copy to try a pairing on; `adopt` keeps it. */
  fork(): GeneratedValues {
    return new GeneratedValues(this);
  }

  adopt(tried: GeneratedValues): void {
    for (const [recorded, simulated] of tried.toSimulated) this.pair(recorded, simulated);
  }

  /** False when either side is already paired with something else. */
  pair(recorded: string, simulated: string): boolean {
    const known = this.toSimulated.get(recorded);
    if (known !== undefined) return known === simulated;
    if (this.toRecorded.has(simulated)) return false;
    this.toSimulated.set(recorded, simulated);
    this.toRecorded.set(simulated, recorded);
    return true;
  }

  knows(recorded: string): boolean {
    return this.toSimulated.has(recorded);
  }

  /** The text as it reads in the simulation: known values replaced. */
  simulated(text: string): string {
    return text.replace(anyToken, (token) => this.toSimulated.get(token) ?? token);
  }

  /** What a client makes up and sends stands for itself. */
  keep(text: string): void {
    for (const token of tokensOf(text)) if (token.kind === 'generated' && !this.knows(token.text)) this.pair(token.text, token.text);
  }

  /** Whether both texts say the same; pairs what they make up. */
  sameText(recorded: string, simulated: string): boolean {
    const left = pieces(recorded);
    const right = pieces(simulated);
    if (left.words !== right.words || left.tokens.length !== right.tokens.length) return false;
    return left.tokens.every((token, at) => this.sameToken(token, right.tokens[at]!));
  }

  private sameToken(recorded: Token, simulated: Token): boolean {
    if (recorded.kind !== simulated.kind) return false;
    if (recorded.kind === 'figure') return true;
    if (recorded.kind === 'task' && taskIdentity(recorded.text) !== taskIdentity(simulated.text)) return false;
    return this.pair(recorded.text, simulated.text);
  }
}

/** Node, type, id and user of a UPID: what a client chose. */
export function taskIdentity(upid: string): string {
  const parts = upid.split(':');
  return [parts[1], ...parts.slice(5)].join(':');
}

function tokensOf(text: string): readonly Token[] {
  return [...text.matchAll(anyToken)].map((match) => ({ kind: patterns[match.slice(1).findIndex((group) => group !== undefined)]![0], text: match[0] }));
}

function pieces(asWritten: string): { readonly words: string; readonly tokens: readonly Token[] } {
  // A command line's options stand in a chance order.
  const text = asWritten.replace(/(?: --[\w-]+ [^\s-]\S*)+/g, (options) => options.split(/ (?=--)/).sort().join(' '));
  return { words: text.replace(anyToken, '\u0000'), tokens: tokensOf(text) };
}
