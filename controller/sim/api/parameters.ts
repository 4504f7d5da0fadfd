// In: raw parameters and a method of the API tables. Out: values of the declared types, or Proxmox's texts for what
// is wrong with them.
import { paramOf, type ApiMethod } from '../../pve/api-tables.ts';
import { parameterError, type Params } from './handler.ts';
import type { RawParams } from './request-body.ts';

export function checkedParams(method: ApiMethod, raw: RawParams): Params {
  const errors: Record<string, string> = {};
  const values: Record<string, string | number | readonly string[]> = {};
  for (const [name, value] of Object.entries(raw)) {
    const param = paramOf(method, name);
    if (!param && !method.open) errors[name] = 'property is not defined in schema and the schema does not allow additional properties';
    else values[name] = param?.type === 'integer' || param?.type === 'number' ? Number(value) : param?.type === 'boolean' ? truth(String(value)) : value;
    if (param?.type === 'integer' && !/^[+-]?\d+$/.test(String(value))) errors[name] = `type check ('integer') failed - got '${String(value)}'`;
  }
  for (const [name, param] of method.params) {
    if (!param.optional && !name.endsWith('[n]') && raw[name] === undefined) errors[name] = 'property is missing and it is not optional';
  }
  if (Object.keys(errors).length > 0) throw parameterError(errors);
  return values;
}

function truth(value: string): number {
  return /^(1|on|yes|true)$/i.test(value) ? 1 : 0;
}
