// In: a storage that left Git and that latido had defined. Out: the step that deletes its definition, held while a
// guest stands on it or while nobody knows. Pure. The data on it always stays.
import type { KindContext, Steps } from '../../model/kind.ts';
import type { Hold } from '../../model/step.ts';
import { writeStep } from '../collection.ts';
import type { Edit, Live } from '../collection.ts';
import { ownerOf } from '../guest/disks.ts';
import { guestsLeaving } from '../guests-leaving.ts';
import { desiredGuests, usesStorage } from '../guests-named.ts';
import { storagesNamed } from './findings.ts';
import type { StorageSpec } from './schema.ts';

/** So many volumes are named; more would bury the reason. */
const NAMED_MAX = 5;

export function removeStorage({ id, live, context }: Edit<StorageSpec>): Omit<Steps, 'uses'> {
  const hold = referenced(id, live, context);
  return {
    steps: [writeStep('delete its definition', { method: 'DELETE', path: `/storage/${id}`, params: {}, file: 'storage.cfg', ...(hold ? { hold } : {}) })],
    notes: ['only the definition is deleted: the data on it stays where it is'],
  };
}

function referenced(id: string, live: Live, context: KindContext): Hold | undefined {
  const { desired, facts } = context;
  const namers = [...desiredGuests(desired).filter((guest) => usesStorage(guest, id)).map(({ object }) => `${object.ref.kind}/${object.ref.name}`), ...storagesNamed(desired, id)];
  if (namers.length > 0) return { code: 'REFERENCED', reason: `${few(namers)} still ${namers.length === 1 ? 'names' : 'name'} it`, approvable: false };
  const content = String(live.options.content ?? '');
  if (!/images|rootdir/.test(content)) return undefined;
  if (live.holds === undefined) return { code: 'REFERENCED', reason: 'what is on it could not be read: guests may stand on it', approvable: true };
  // Whose a volume is that has no VMID in its name (a LUN), nobody can tell.
  const used = live.holds.filter((volume) => {
    const owner = ownerOf(volume);
    return owner === undefined || facts.guests.has(owner);
  });
  // What the same plan destroys before is gone by then.
  const leaving = guestsLeaving(context);
  const stays = used.filter((volume) => !leaving.has(ownerOf(volume) ?? 0));
  if (stays.length > 0) return { code: 'REFERENCED', reason: `${few(stays)} ${stays.length === 1 ? 'is' : 'are'} still on it`, approvable: false };
  const waits = used.filter((volume) => leaving.get(ownerOf(volume) ?? 0) !== undefined);
  return waits.length === 0 ? undefined : { code: 'REFERENCED', reason: `${few(waits)} ${waits.length === 1 ? 'is' : 'are'} destroyed before, which waits for an approval`, approvable: true };
}

function few(names: readonly string[]): string {
  return names.length <= NAMED_MAX ? names.join(', ') : `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`;
}
