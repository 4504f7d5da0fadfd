import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { Terminal } from '../../controller/cli/context.ts';
import { interruptible, type Signals } from '../../controller/cli/interrupt.ts';

class Left extends Error {}

function stage() {
  const emitter = new EventEmitter();
  const written: string[] = [];
  const time = { now: 0 };
  const signals: Signals = {
    on: (signal, handler) => emitter.on(signal, handler), removeListener: (signal, handler) => emitter.removeListener(signal, handler),
    exit: (code) => {
      throw new Left(String(code));
    },
  };
  const terminal: Terminal = {
    out: () => undefined, err: (text) => void written.push(text), style: () => ({ color: false, width: 80, rows: 24 }), errStyle: () => ({ color: false, width: 80, rows: 24 }),
    interactive: true, live: true, ask: () => Promise.resolve(undefined), ticker: () => () => undefined,
  };
  return { emitter, written, time, run: interruptible(signals, terminal, () => time.now) };
}

test('the first Ctrl-C asks the work to end, and the work may take its time', async () => {
  const { emitter, written, run } = stage();
  const result = await run(async (signal) => {
    emitter.emit('SIGINT');
    await Promise.resolve();
    return signal.aborted ? 'ended in order' : 'not told';
  }, () => 'left');
  expect(result).toBe('ended in order');
  expect(written).toEqual([]);
});

test('the second leaves at once and says what is unsettled', async () => {
  const { emitter, written, time, run } = stage();
  await run(() => {
    emitter.emit('SIGINT');
    time.now = 100; // passed on by the program that started this one
    emitter.emit('SIGINT');
    expect(written).toEqual([]);
    time.now = 1000;
    expect(() => emitter.emit('SIGINT')).toThrow('130');
    return Promise.resolve();
  }, () => 'unsettled: a');
  expect(written).toEqual(['unsettled: a']);
});

test('no handler stays behind, however the work ends', async () => {
  const { emitter, run } = stage();
  await expect(run(() => Promise.reject(new Error('x')), () => '')).rejects.toThrow('x');
  expect(emitter.listenerCount('SIGINT') + emitter.listenerCount('SIGTERM')).toBe(0);
});
