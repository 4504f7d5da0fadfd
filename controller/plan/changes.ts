// In: subjects, what was observed of each, the kinds. Out: one Change per subject. Pure.
// Unknown and busy are never a change: silence is not absence.
import type { Change, Observed, Subject, Verb } from '../model/change.ts';
import type { KindContext, Registry } from '../model/kind.ts';
import { refText } from '../model/ref.ts';

export function changesOf(subjects: readonly Subject[], observed: ReadonlyMap<string, Observed>, kinds: Registry, context: KindContext): readonly Change[] {
  return subjects.map((subject) => changeOf(subject, observed.get(refText(subject.ref)) ?? { state: 'unknown', why: 'it was not looked at' }, kinds, context));
}

function changeOf(subject: Subject, observed: Observed, kinds: Registry, context: KindContext): Change {
  const kind = kinds.get(subject.ref.kind);
  if (!kind) throw new Error(`no kind ${subject.ref.kind}`);
  const identity = subject.desired && kind.identity?.(subject.desired);
  const base = { ref: subject.ref, subject, observed, ...(identity === undefined ? {} : { identity }) };
  if (observed.state === 'busy' || observed.state === 'unknown') return { ...base, verb: 'none', fields: [] };
  if (observed.state === 'absent') return { ...base, verb: subject.desired ? 'create' : 'none', fields: [] };
  // What we only remember and what no longer carries our mark is somebody else's now.
  if (!subject.desired && !observed.owned) return { ...base, verb: 'none', fields: [] };
  const fields = kind.diff(subject, observed, context);
  return { ...base, verb: verbOf(subject, observed.owned, fields.length), fields };
}

function verbOf(subject: Subject, owned: boolean, differences: number): Verb {
  if (!subject.desired) return 'delete';
  if (!owned) return 'adopt';
  return differences > 0 ? 'update' : 'none';
}
