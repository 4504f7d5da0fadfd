// In: how an object, or the whole, stands. Out: the conditions Ready, Reconciling and Stalled, with reason, message and
// revision, as people know them from Kubernetes. Pure. `since` changes only when the status or the reason does.
import type { Ref } from '../model/ref.ts';

export type ConditionType = 'Ready' | 'Reconciling' | 'Stalled';

export interface StatusCondition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False';
  /** One word for programs: `InSync`, `Drifted`, a hold's code … */
  readonly reason: string;
  readonly message: string;
  /** `main@sha1:…` */
  readonly revision: string;
  readonly since: number;
}

/** `ready`: as desired. `working`: being changed. `waiting`: held, or tried again later. `stalled`: nothing will be tried again by itself. */
export interface Standing { readonly is: 'ready' | 'working' | 'waiting' | 'stalled'; readonly reason: string; readonly message: string }

export interface ObjectStatus { readonly ref: Ref; readonly id: string; readonly conditions: readonly StatusCondition[] }

export function conditionsOf(standing: Standing, revision: string, now: number, before: readonly StatusCondition[] = []): readonly StatusCondition[] {
  const { is, reason, message } = standing;
  const make = (type: ConditionType, isTrue: boolean): StatusCondition => {
    const status = isTrue ? 'True' : 'False';
    const old = before.find((each) => each.type === type);
    const since = old?.status === status && old.reason === reason ? old.since : now;
    return { type, status, reason, message, revision, since };
  };
  return [make('Ready', is === 'ready'), make('Reconciling', is === 'working'), make('Stalled', is === 'stalled')];
}

export function conditionOf(conditions: readonly StatusCondition[], type: ConditionType): StatusCondition | undefined {
  return conditions.find((each) => each.type === type);
}
