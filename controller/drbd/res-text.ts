// In: one DRBD resource as hosts and options. Out: the text of its `/etc/drbd.d/NAME.res`, the same on every node. Pure.
// Must never let a value become syntax: what is no plain word is refused, and a secret stays a reference until the wire.
import type { StdinSecret } from '../model/doors.ts';
import type { SecretRef } from '../model/secret.ts';

export interface ResTextHost { readonly name: string; readonly nodeId: number; readonly address: string; /** Absent: it holds no data. */ readonly disk?: string }

export interface ResText {
  readonly name: string;
  readonly mark: string;
  readonly reclaim: 'keep' | 'delete';
  /** 8 or 9: the older one knows neither node ids nor a mesh. */
  readonly major: 8 | 9;
  readonly minor: number;
  readonly hosts: readonly ResTextHost[];
  /** `net.protocol` → `C`, in any order. */
  readonly options: ReadonlyMap<string, string>;
  readonly sharedSecret?: SecretRef;
}

/** SHARED_SECRET_MAX of the kernel, which counts the NUL. */
const SECRET_BYTES_MOST = 63;
/** The last line: a text that broke off on its way has none. */
export const RES_END = '# end';
const SECTIONS = ['options', 'net', 'disk', 'handlers', 'startup'] as const;
/** Everything that manifests can say; quotes, backslashes, braces and line ends are not among it. */
const PLAIN = /^[A-Za-z0-9_.:/+@ [\]-]+$/;

/** Pieces for standard input. @throws Error for a value that the schema of the manifest should have refused */
export function resText(res: ResText): readonly (string | StdinSecret)[] {
  const before = `${markLine(res.mark, res.reclaim)}\nresource ${quoted(res.name)} {\n`;
  const sections = SECTIONS.map((section) => sectionText(res, section));
  const after = `${res.hosts.map((host) => hostText(res, host)).join('')}${res.major === 8 ? '' : meshText(res.hosts)}}\n${RES_END}\n`;
  return joined([before, ...sections.flat(), after]);
}

/** The text as it may be compared and shown: every shared secret in it is `SHOWN_SECRET`. */
export function withoutSecret(text: string): string {
  return text.replaceAll(/(\bshared-secret\s+)(?:"(?:[^"\\]|\\.)*"|[^;\s]+)/g, `$1"${SHOWN_SECRET}"`);
}

/** What a dry run prints: the shared secret is in it, for a shell, with a backslash before each blank. */
export function commandsWithoutSecret(text: string): string {
  return text.replaceAll(/--shared-secret=(?:\\.|\S)*/g, `--shared-secret=${SHOWN_SECRET}`);
}

export function comparable(pieces: readonly (string | StdinSecret)[]): string {
  return pieces.map((piece) => (typeof piece === 'string' ? piece : SHOWN_SECRET)).join('');
}

const SHOWN_SECRET = '…';

function markLine(mark: string, reclaim: ResText['reclaim']): string {
  return `# latido ${mark} reclaim=${reclaim}: written from Git, changes here are undone`;
}

/** What the first line says of whose the file is; nothing when no latido wrote it. */
export function markOf(text: string): { readonly mark: string; readonly reclaim: 'keep' | 'delete' } | undefined {
  const [, mark, reclaim] = /^# latido (\S+) reclaim=(keep|delete):/.exec(text) ?? [];
  return mark === undefined ? undefined : { mark, reclaim: reclaim === 'delete' ? 'delete' : 'keep' };
}

function sectionText({ options, sharedSecret }: ResText, section: (typeof SECTIONS)[number]): readonly (string | StdinSecret)[] {
  const lines = [...options].filter(([path]) => path.startsWith(`${section}.`)).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, value]) => `        ${path.slice(section.length + 1)} ${bare(value)};\n`);
  const secret = section === 'net' && sharedSecret ? ['        cram-hmac-alg "sha256";\n        shared-secret "', { ...sharedSecret, quoted: { mostBytes: SECRET_BYTES_MOST } }, '";\n'] : [];
  return lines.length === 0 && secret.length === 0 ? [] : [`    ${section} {\n`, ...lines, ...secret, '    }\n'];
}

function hostText({ major, minor }: ResText, { name, nodeId, address, disk }: ResTextHost): string {
  return `    on ${quoted(name)} {\n${major === 8 ? '' : `        node-id ${nodeId};\n`}        device /dev/drbd${minor} minor ${minor};\n        disk ${disk === undefined ? 'none' : quoted(disk)};\n`
    + `        address ${addressText(address)};\n${disk === undefined ? '' : '        meta-disk internal;\n'}    }\n`;
}

function meshText(hosts: readonly ResTextHost[]): string {
  return `    connection-mesh {\n        hosts ${hosts.map(({ name }) => quoted(name)).join(' ')};\n    }\n`;
}

/** `10.0.0.40:7788` or `[fd00::1]:7788`: drbdadm takes neither in quotes. */
function addressText(address: string): string {
  if (/^\d+(?:\.\d+){3}:\d+$/.test(address)) return `ipv4 ${address}`;
  if (/^\[[0-9A-Fa-f:.]+\]:\d+$/.test(address)) return `ipv6 ${address}`;
  throw new Error(`not an address with a port: ${JSON.stringify(address)}`);
}

/** 8.4 takes `yes` and `no` only without quotes. */
function bare(value: string): string {
  return /^[A-Za-z0-9][A-Za-z0-9_./-]*$/.test(value) ? value : quoted(value);
}

function quoted(value: string): string {
  if (!PLAIN.test(value)) throw new Error(`not a plain word: ${JSON.stringify(value)}`);
  return `"${value}"`;
}

/** Neighbouring texts become one. */
function joined(pieces: readonly (string | StdinSecret)[]): readonly (string | StdinSecret)[] {
  return pieces.reduce<readonly (string | StdinSecret)[]>((all, piece) => {
    const last = all.at(-1);
    return typeof piece === 'string' && typeof last === 'string' ? [...all.slice(0, -1), last + piece] : [...all, piece];
  }, []);
}
