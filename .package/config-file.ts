// In: the schema of the daemon's configuration. Out: /etc/latido/config.yaml as the package ships it: every field with what it
// means and an example, all of it switched off. Must never describe a field by itself: the schema does.
import { CONFIG_SCHEMA } from '../controller/config/schema.ts';
import type { Json, JsonObject } from '../controller/model/json.ts';

const HEADER = `Configuration of latido's daemon, read by latido.service and latido-node.service: what concerns this machine and not the cluster, and so is not in Git. The cluster itself is described in its repository.

It says nothing yet, and latido refuses to start with it. To begin, switch on "cluster" and "source" with one address below it, then: systemctl enable --now latido (on a node, where /etc/pve is to be read: latido-node). After a change: systemctl reload latido.

Lines with ## explain. A single # stands before a setting: take it away, and leave the blanks behind it as they are. Secrets are never written here, only where they are: { file: PATH }, one line, mode 0600, owned by the user of the service (latido; root for latido-node), or { env: NAME }.`;

/** Where neither a default nor the only choice makes a good example. By the names on the way, variants of a list in brackets. */
const EXAMPLES: Readonly<Record<string, Json>> = {
  cluster: 'unq', state: '/var/lib/latido/unq',
  'source.repository': 'ssh://git@git.example.org/infra/clusters.git', 'source.path': 'clusters/unq',
  'source.ssh.key': '/etc/latido/deploy-key', 'source.ssh.knownHosts': '/etc/latido/known_hosts',
  'source.https.token': { file: '/etc/latido/git.token' }, 'source.https.user': 'latido', 'source.https.ca': '/etc/latido/git-ca.pem',
  'source.signers.allowedSigners': '/etc/latido/allowed_signers', 'source.signers.keyring': '/etc/latido/signers.gpg',
  'follow.address': '10.0.0.50',
  'listen.certificate': '/etc/pve/local/pve-ssl.pem', 'listen.key': '/etc/pve/local/pve-ssl.key',
  'listen.tokens[].name': 'prometheus', 'listen.tokens[].hash': `sha256:${'0'.repeat(64)}`, 'listen.tokens[].may': ['metrics'],
  'listen.webhook.secret': { file: '/etc/latido/webhook.secret' },
  'notify[webhook].name': 'archive', 'notify[webhook].url': { file: '/etc/latido/archive.url' }, 'notify[webhook].secret': { file: '/etc/latido/archive.secret' },
  'notify[slack].name': 'chat', 'notify[slack].url': { file: '/etc/latido/chat.url' },
  'notify[matrix].name': 'room', 'notify[matrix].homeserver': 'https://matrix.example.org', 'notify[matrix].room': '!latido:example.org', 'notify[matrix].token': { file: '/etc/latido/matrix.token' },
  'notify[email].name': 'mail', 'notify[email].host': 'mail.example.org', 'notify[email].port': 587, 'notify[email].user': 'latido', 'notify[email].password': { file: '/etc/latido/mail.password' },
  'notify[email].from': 'latido@example.org', 'notify[email].to': ['operators@example.org'],
  'forge.url': 'https://api.github.com', 'forge.repository': 'infra/clusters', 'forge.token': { file: '/etc/latido/forge.token' }, 'forge.ca': '/etc/latido/forge-ca.pem',
  'secrets.file': '/etc/latido/secrets.yaml', 'secrets.environment': 'LATIDO_SECRET_', 'secrets.ageKey': { file: '/etc/latido/age.key' },
};

/** What excludes what is switched on above it: told, and not shown as an example. */
const INSTEAD: Readonly<Record<string, string>> = { 'source.directory': 'instead of repository:' };

const WIDTH = 110;

export function configFile(schema: JsonObject = CONFIG_SCHEMA): string {
  return `${[...explain(HEADER, 0, ''), ...fields(schema, '', 0)].join('\n')}\n`;
}

/** The file with every setting switched on. */
export function switchedOn(text: string): string {
  return text.split('\n').filter((line) => !line.startsWith('##')).map((line) => line.replace(/^#/, '')).join('\n');
}

function fields(schema: JsonObject, path: string, depth: number): readonly string[] {
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  return Object.entries(objectAt(schema, 'properties')).flatMap(([name, field]) => {
    if (!isMapping(field)) return [];
    const here = path === '' ? name : `${path}.${name}`;
    const instead = INSTEAD[here];
    const words = `${instead === undefined ? '' : `${instead} `}${descriptionOf(field)}${defaultWords(field)}${choiceWords(field)}${required.includes(name) ? ' Required.' : ''}`;
    const head = [...(depth === 0 ? [''] : []), ...explain(words, depth, `${name}: `)];
    return instead === undefined ? [...head, ...setting(name, field, here, depth)] : head;
  });
}

function setting(name: string, field: JsonObject, path: string, depth: number): readonly string[] {
  const start = `#${'  '.repeat(depth)}${name}:`;
  if (isMapping(field['properties'])) return [start, ...fields(field, path, depth + 1)];
  const items = objectAt(field, 'items');
  if (Array.isArray(items['oneOf'])) return [start, ...items['oneOf'].flatMap((one) => (isMapping(one) ? item(one, `${path}[${typeOf(one)}]`, depth + 1) : []))];
  if (isMapping(items['properties'])) return [start, ...item(items, `${path}[]`, depth + 1)];
  return [`${start} ${flow(exampleOf(field, path))}`];
}

/** The first setting of an element carries its dash. */
function item(schema: JsonObject, path: string, depth: number): readonly string[] {
  const lines = fields(schema, path, depth + 1);
  const first = lines.findIndex((line) => !line.startsWith('##'));
  const dashed = lines.map((line, i) => (i === first ? `#${'  '.repeat(depth)}- ${line.slice(1).trimStart()}` : line));
  return [...explain(descriptionOf(schema), depth, ''), ...dashed];
}

function exampleOf(field: JsonObject, path: string): Json {
  const own = objectAt(field, 'items')['enum'];
  const choice = Array.isArray(field['enum']) ? field['enum'][0] : own;
  const example = EXAMPLES[path] ?? field['default'] ?? field['const'] ?? choice;
  if (example === undefined) throw new Error(`no example for ${path} of the configuration: add one to .package/config-file.ts`);
  return example;
}

/** `webhook` of a variant whose type is that constant; the first of several. */
function typeOf(variant: JsonObject): string {
  const type = objectAt(objectAt(variant, 'properties'), 'type');
  return String(type['const'] ?? (Array.isArray(type['enum']) ? type['enum'][0] : ''));
}

function defaultWords(field: JsonObject): string {
  return field['default'] === undefined ? '' : ` Default: ${flow(field['default'])}.`;
}

function choiceWords(field: JsonObject): string {
  const choices = field['enum'] ?? objectAt(field, 'items')['enum'];
  return Array.isArray(choices) ? ` One of: ${choices.join(', ')}.` : '';
}

/** YAML on one line; a text is quoted only where it could be read as something else. */
function flow(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (isMapping(value)) return `{ ${Object.entries(value).map(([key, each]) => `${key}: ${flow(each ?? null)}`).join(', ')} }`;
  return typeof value === 'string' && /^[\w/.][\w/.@:-]*[\w/.]$/.test(value) ? value : JSON.stringify(value);
}

function explain(words: string, depth: number, start: string): readonly string[] {
  const indent = '  '.repeat(depth);
  return `${start}${words}`.split('\n').flatMap((paragraph) => (paragraph === '' ? ['##'] : wrapped(paragraph, WIDTH - 3 - indent.length).map((line) => `## ${indent}${line}`)));
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter((each) => each !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function descriptionOf(schema: JsonObject): string {
  return typeof schema['description'] === 'string' ? schema['description'].replace(/ Never the secret itself: .*$/, '').replaceAll('`', '') : '';
}

function objectAt(schema: JsonObject, name: string): JsonObject {
  const value = schema[name];
  return isMapping(value) ? value : {};
}

/** `isObject`, of a value that is known to be JSON. */
function isMapping(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
