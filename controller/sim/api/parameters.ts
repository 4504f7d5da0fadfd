// In: raw parameters and a method of the API tables. Out: values of the declared types, or Proxmox's texts for what
// is wrong with them, as one refusal.
import type { ApiMethod } from '../../pve/api-tables.ts';
import { checkParams } from '../../pve/check.ts';
import { parameterError, type Params } from './handler.ts';
import type { RawParams } from './request-body.ts';

export function checkedParams(method: ApiMethod, raw: RawParams): Params {
  const { values, errors } = checkParams(method, raw);
  if (Object.keys(errors).length > 0) throw parameterError(errors);
  return values;
}
