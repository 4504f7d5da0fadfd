// Randomness of the simulated world: the same numbers for the same seed.

/** A small generator (32 bits of state): uniform in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    mixed ^= mixed >>> 15;
    return (mixed >>> 0) / 2 ** 32;
  };
}

export function randomHex(random: () => number, digits: number): string {
  let text = '';
  while (text.length < digits) text += Math.floor(random() * 16).toString(16);
  return text;
}

export function randomUuid(random: () => number): string {
  const variant = '89ab'[Math.floor(random() * 4)] ?? '8';
  return [randomHex(random, 8), randomHex(random, 4), `4${randomHex(random, 3)}`, variant + randomHex(random, 3), randomHex(random, 12)].join('-');
}

/** Below Proxmox's own prefix, upper case. */
export function randomMac(random: () => number, prefix = 'BC:24:11'): string {
  const rest = 6 - prefix.split(':').length;
  return [prefix, ...Array.from({ length: rest }, () => randomHex(random, 2))].join(':').toUpperCase();
}
