// The process behind a Link. In: the paths of sockets, and what QEMU sends of each machine's card, frames with their length before them. Out: the same to all
// others. A cut is silent: the carrier stays, frames are lost both ways.
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Order } from './link.ts';

/** A card that does not take its frames loses them, as at a real switch. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
const LENGTH_BYTES = 4;

const cards = new Map<string, Socket>();
let isCut = false;

process.on('message', (order: Order) => { isCut = order === 'cut'; });
// It ends with whoever holds it. Ctrl-C is for that one.
process.on('disconnect', () => process.exit()).on('SIGINT', () => undefined);
await Promise.all(process.argv.slice(2).map((path) => new Promise<void>((listening) => createServer((card) => plug(path, card)).listen(path, listening))));
process.send?.('ready');

function plug(path: string, card: Socket): void {
  cards.set(path, card);
  let rest: Buffer = Buffer.alloc(0);
  card.on('data', (data) => {
    const all = rest.length === 0 ? data : Buffer.concat([rest, data]);
    const end = wholeFrames(all);
    rest = all.subarray(end);
    if (end > 0 && !isCut) pass(path, all.subarray(0, end));
  });
  card.on('close', () => {
    if (cards.get(path) === card) cards.delete(path);
  });
  // A machine without power breaks its line.
  card.on('error', () => card.destroy());
}

function pass(from: string, frames: Buffer): void {
  for (const [path, card] of cards) if (path !== from && card.writableLength < WAITING_BYTES_MAX) card.write(frames);
}

/** Where the last whole frame ends. */
function wholeFrames(data: Buffer): number {
  let at = 0;
  while (at + LENGTH_BYTES <= data.length) {
    const next = at + LENGTH_BYTES + data.readUInt32BE(at);
    if (next > data.length) break;
    at = next;
  }
  return at;
}
