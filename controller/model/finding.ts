import type { Ref } from './ref.ts';

/** Where something was written; line and column count from 1. */
export interface Place { readonly file: string; readonly line: number; readonly column: number }

/** Every code a person can meet; the README lists them with what to do. */
export const FINDING_CODES = {
  MANIFEST_UNREADABLE: 'the file could not be read, or is over a limit',
  MANIFEST_SYNTAX: 'the file is not valid YAML',
  MANIFEST_SCHEMA: 'the document does not have the shape of its kind',
  OPTION_UNKNOWN: 'an option that this version of Proxmox VE does not have',
  OPTION_INVALID: 'a value that Proxmox would refuse',
  OPTION_READONLY: 'an option that is not written in a manifest because Proxmox or latido writes it',
  OPTION_ROOT_ONLY: 'only root@pam with a ticket may set this option',
  DUPLICATE: 'two objects claim the same name, VMID or MAC address',
  REFERENCE_MISSING: 'a name that no manifest defines',
  REFERENCE_CYCLE: 'objects that need each other in a circle',
  CLUSTER_MISSING: 'no Cluster document, or more than one',
  NAME_INVALID: 'a name that Proxmox does not accept',
  VERSION_UNSUPPORTED: 'the version of Proxmox VE has no such feature',
  HA_WITHOUT_THIRD_VOTE: 'HA on two nodes without a third vote',
  POLICY_INVALID: 'a policy that contradicts itself',
  NODE_UNKNOWN: 'the cluster has no such node',
  STORAGE_UNKNOWN: 'the cluster has no such storage',
  BRIDGE_UNKNOWN: 'the node has no such bridge',
  ENDPOINT_UNREACHABLE: 'no endpoint of the cluster answered',
  CLUSTER_SILENT: 'the cluster could not be read in time',
  CLUSTER_DIVIDED: 'members answered that do not see each other',
  CLUSTER_DIFFERENT: 'the endpoints belong to another cluster than before',
  AUTH_FAILED: 'the credentials were refused',
  PERMISSION_DENIED: 'the token lacks a privilege',
  TLS_UNTRUSTED: 'the certificate is not the expected one',
  NODE_UNREACHABLE: 'a node could not be reached over ssh',
  COMMAND_FAILED: 'a command on a node ended with an error',
  PVE_REFUSED: 'Proxmox refused the request',
  TASK_FAILED: 'a Proxmox task ended with an error',
  STEP_TIMEOUT: 'a step did not end in its time',
  STEP_UNSETTLED: 'nobody knows yet whether the step had its effect',
  GUARD_UNMET: 'what the step needs no longer holds',
  PLAN_CHANGED: 'the plan is not the one that was approved',
  STATE_UNUSABLE: 'the state folder cannot be used',
  DAEMON_ABSENT: 'no daemon answers on this machine',
  ROUND_STUCK: 'a round of the daemon never ended',
  STATE_LOCKED: 'another latido works on this cluster',
  SOURCE_UNREADABLE: 'the folder or commit could not be read',
  SOURCE_UNREACHABLE: 'the repository could not be reached, or did not let us in',
  SOURCE_REWRITTEN: 'the branch no longer contains the commit that was followed before',
  SIGNATURE_INVALID: 'the commit is not signed by anybody who is allowed to',
  SECRET_MISSING: 'a secret that a manifest names cannot be had',
  SECRET_UNFIT: 'the value of a secret cannot be written where a manifest wants it',
  SECRET_INVALID: 'an encrypted file does not open with our key, or was tampered with',
  CONFIG_INVALID: 'the configuration of the daemon is not valid',
  USAGE: 'the command line is wrong',
  SIMULATION_STUCK: 'the simulated world has nothing left to do but wait',
} as const;
export type FindingCode = keyof typeof FINDING_CODES;

export interface Finding {
  readonly code: FindingCode;
  readonly severity: 'error' | 'warning';
  readonly fact: string;
  readonly fix?: string;
  readonly place?: Place;
  readonly ref?: Ref;
  readonly node?: string;
  /** The parameter of Proxmox's API that it is about; the place of its line is looked up by it. */
  readonly param?: string;
}

/** A failure that a person can act on; anything else that is thrown is a bug of ours. */
export class Failure extends Error {
  readonly findings: readonly Finding[];
  constructor(...findings: readonly Finding[]) {
    super(findings.map((finding) => `${finding.code} ${finding.fact}`).join('\n'));
    this.name = 'Failure';
    this.findings = findings;
  }
}

export function failure(code: FindingCode, fact: string, more: Omit<Partial<Finding>, 'code' | 'fact'> = {}): Failure {
  return new Failure({ severity: 'error', ...more, code, fact });
}
