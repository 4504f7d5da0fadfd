// A developer's tool: where the simulation answers otherwise than the recorded cluster.
//   npx tsx test/contract/show.ts                 the table of all topics
//   npx tsx test/contract/show.ts --write         the same, put into README.md
//   npx tsx test/contract/show.ts qemu            each exchange of a topic with its verdict and differences
//   npx tsx test/contract/show.ts qemu/004        the exchanges whose id begins so, with both answers
import { readFileSync, writeFileSync } from 'node:fs';
import { counted, table } from './counts.ts';
import { recordedExchanges, topics, type Topic } from './recorded.ts';
import { replay, type Replayed } from './replay.ts';

const LINE_MAX = 400;

const wanted = process.argv[2];
if (wanted === undefined) console.log(await wholeTable());
else if (wanted === '--write') writeCounts(await wholeTable());
else await showTopic(wanted);

async function wholeTable(): Promise<string> {
  return table(await Promise.all(topics.map(counted)));
}

function writeCounts(counts: string): void {
  const readme = new URL('README.md', import.meta.url);
  const text = readFileSync(readme, 'utf8');
  writeFileSync(readme, text.replace(/^\| topic [^]*?\| all .*$/m, counts));
}

async function showTopic(prefix: string): Promise<void> {
  const topic = topics.find((one) => one === prefix) ?? topics.find((one) => recordedExchanges(one).some((exchange) => exchange.id.startsWith(prefix)));
  if (topic === undefined) {
    console.error(`no topic or exchange begins with ${prefix}; topics: ${topics.join(', ')}`);
    process.exitCode = 1;
    return;
  }
  const replayed = await replay(topic);
  const single = prefix !== (topic as Topic);
  for (const one of replayed) if (!single || one.exchange.id.startsWith(prefix)) show(one, single);
}

function show(one: Replayed, whole: boolean): void {
  const { exchange, verdict, differences } = one;
  if (!whole && verdict === 'equal') return;
  console.log(`${verdict.padEnd(12)} ${exchange.id}  ${exchange.method} ${exchange.path}${exchange.query ? `?${exchange.query}` : ''}`);
  if (whole) console.log(`  sent      ${JSON.stringify(exchange.params)}\n  recorded  ${exchange.status} ${exchange.reasonPhrase} ${JSON.stringify(exchange.body)}\n  simulated ${one.simulated.status} ${one.simulated.reason} ${one.simulated.body}`);
  for (const found of differences) console.log(`  ${found.at}\n    recorded  ${short(found.recorded, whole)}\n    simulated ${short(found.simulated, whole)}`);
}

function short(value: unknown, whole: boolean): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return whole ? text : text.slice(0, LINE_MAX);
}
