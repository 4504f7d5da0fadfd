// One parameter as Proxmox's API describes it. Numbers and flags stay as Proxmox writes them (0/1).

export interface Param {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null';
  readonly optional?: 0 | 1 | string;
  readonly default?: string | number | null;
  /** In a few places Proxmox writes limits as strings. */
  readonly minimum?: number | string;
  readonly maximum?: number | string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  /** A name (`pve-node`), or the keys of a property string. */
  readonly format?: string | Keys;
  /** The name of the format whose keys stand in `format`, when the API data gives it by name. */
  readonly named?: string;
  readonly requires?: string;
  readonly alias?: string;
  readonly keyAlias?: string;
  readonly default_key?: 0 | 1;
  readonly items?: Param;
  readonly oneOf?: readonly Param[];
  readonly 'instance-types'?: readonly string[];
  readonly 'type-property'?: string;
}

/** The keys of a property string. */
export type Keys = Readonly<Record<string, Param>>;

/** Whether it may be left out. */
export function isOptional(param: Param): boolean {
  return Number(param.optional ?? 0) !== 0;
}

/** The keys, when the parameter is a property string. */
export function keysOf(param: Param): Keys | undefined {
  return typeof param.format === 'object' ? param.format : undefined;
}
