// In: operations. Out: the field changes that a plan shows. Pure.
import type { FieldChange } from '../../model/change.ts';
import { printSize } from '../../pve/sizes.ts';
import type { Op } from './ops.ts';

export function fieldsOf(ops: readonly Op[]): readonly FieldChange[] {
  return ops.flatMap((op) => fieldOf(op));
}

function fieldOf(op: Op): readonly FieldChange[] {
  switch (op.op) {
    // Both sides as Proxmox writes them where it answers with text, so that a reader sees what differs and nothing else.
    case 'set': return [{ path: `config.${op.option}`, from: op.from, to: typeof op.from === 'string' ? op.request : op.to, effect: op.effect, ...(op.rootOnly ? { note: op.rootOnly } : {}) }];
    case 'unset': return [{ path: `config.${op.option}`, from: op.from, to: undefined, effect: op.effect }];
    case 'attach': return [{ path: `config.${op.slot}`, from: undefined, to: op.to, effect: op.effect, ...(op.note ? { note: op.note } : {}) }];
    case 'resize': return [{ path: `config.${op.slot}.size`, from: printSize(op.from), to: printSize(op.to), effect: 'live' }];
    case 'move-disk': return [{ path: `config.${op.slot}.storage`, from: op.from, to: op.to, effect: 'disk-move' }];
    case 'detach': return [{ path: `config.${op.slot}`, from: op.volume, to: undefined, effect: op.effect, note: op.destroy ? 'the volume is destroyed' : 'the volume is kept' }];
    case 'refused': case 'stuck': return [{ path: op.path, from: op.from, to: op.to, effect: 'refused', note: op.reason }];
    case 'pool': return [{ path: 'pool', from: op.from, to: op.to, effect: 'live' }];
    case 'migrate': return [{ path: 'placement', from: op.from, to: op.to, effect: 'migrate' }];
    case 'ha-create': case 'ha-update': return op.fields.map((field) => ({ ...field, effect: 'live' as const }));
    case 'ha-remove': return [{ path: 'ha', from: 'managed', to: undefined, effect: 'live' }];
    case 'ha-error': return [{ path: 'ha.state', from: 'error', to: 'started', effect: 'refused', note: op.reason }];
    case 'power': return [{ path: 'power', from: op.to === 'running' ? 'stopped' : 'running', to: op.to, effect: 'live' }];
    case 'restart': return [{ path: 'power', from: 'running', to: 'restarted', effect: 'restart', note: `for ${op.options.join(', ')}` }];
    case 'template': return [{ path: 'template', from: false, to: true, effect: 'live' }];
    case 'waits': case 'after-move': return [];
    default: return unknownOp(op);
  }
}

function unknownOp(op: never): never {
  throw new Error(`unknown operation ${JSON.stringify(op)}`);
}
