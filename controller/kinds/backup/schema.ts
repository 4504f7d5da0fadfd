// The manifest of a backup job: its type and its schema, which is also its documentation.
import type { Json, JsonObject } from '../../model/json.ts';
import type { GuestName } from '../guests-named.ts';

export interface BackupJobSpec {
  readonly schedule: string;
  readonly storage?: string;
  readonly guests?: readonly GuestName[];
  readonly pool?: string;
  readonly all?: boolean;
  readonly exclude?: readonly GuestName[];
  readonly enabled?: boolean;
  readonly comment?: string;
  readonly config?: Readonly<Record<string, Json>>;
}

const GUESTS = { type: 'array', minItems: 1, maxItems: 1000, uniqueItems: true, items: { type: ['string', 'integer'] } } as const;

export const BACKUP_JOB_SCHEMA: JsonObject = {
  type: 'object', additionalProperties: false, required: ['schedule'],
  description: 'A backup job of the cluster. Its name is the job id. It says which guests it saves in one way: `guests`, `pool` or `all`.',
  properties: {
    schedule: { type: 'string', minLength: 1, maxLength: 128, description: 'When it runs, as a calendar event of Proxmox: `daily`, `sat 02:00`, `mon..fri 22:30`, `*/6:00`.' },
    storage: { type: 'string', minLength: 2, maxLength: 100, description: 'The storage that takes the backups; its content has to include `backup`. Absent: Proxmox uses `local`.' },
    guests: { ...GUESTS, description: 'These guests, by the name of their manifest or by VMID.' },
    pool: { type: 'string', description: 'The guests of this pool, whichever they are when it runs.' },
    all: { const: true, description: 'All guests of the cluster, also those that come later.' },
    exclude: { ...GUESTS, description: 'With `all`: but not these, by name or VMID.' },
    enabled: { type: 'boolean', default: true, description: 'Whether it runs. A disabled job stays defined.' },
    comment: { type: 'string', maxLength: 400, pattern: '^[^\\n]*$', description: 'What it is for, in one line. Our mark is kept at its end.' },
    config: {
      type: 'object', maxProperties: 60, default: {},
      description: 'Every other option of `POST /cluster/backup`, by Proxmox\'s own name: `mode`, `compress`, `prune-backups` (mapping or `keep-last=3,keep-weekly=4`), `notes-template`, `bwlimit`, `performance`, `fleecing` … An option that is not written is decided by `vzdump.conf` of each node, or by the storage.',
    },
  },
};
