// The CPU types and flags that a virtual machine may name, per version.
// Source: qemu-server CPUConfig.pm and CPUFlags.pm at the dates of our API tables (7.4-2, 8.3.12, 9.0.15, 9.1.9, 9.2.6).
import { isAtLeast } from './text-check.ts';

const GENERATIONS: readonly { readonly since: string; readonly models: string }[] = [
  {
    since: '7.0',
    models: '486 pentium pentium2 pentium3 coreduo core2duo Conroe Penryn Nehalem Nehalem-IBRS Westmere Westmere-IBRS SandyBridge '
      + 'SandyBridge-IBRS IvyBridge IvyBridge-IBRS Haswell Haswell-IBRS Haswell-noTSX Haswell-noTSX-IBRS Broadwell Broadwell-IBRS '
      + 'Broadwell-noTSX Broadwell-noTSX-IBRS Skylake-Client Skylake-Client-IBRS Skylake-Client-noTSX-IBRS Skylake-Server '
      + 'Skylake-Server-IBRS Skylake-Server-noTSX-IBRS Cascadelake-Server Cascadelake-Server-noTSX KnightsMill Icelake-Client '
      + 'Icelake-Client-noTSX Icelake-Server Icelake-Server-noTSX athlon phenom Opteron_G1 Opteron_G2 Opteron_G3 Opteron_G4 Opteron_G5 '
      + 'EPYC EPYC-IBPB EPYC-Rome EPYC-Milan host kvm32 kvm64 qemu32 qemu64 max',
  },
  {
    since: '8.0',
    models: 'Skylake-Client-v4 Skylake-Server-v4 Skylake-Server-v5 Cascadelake-Server-v2 Cascadelake-Server-v4 Cascadelake-Server-v5 '
      + 'Cooperlake Cooperlake-v2 Icelake-Server-v3 Icelake-Server-v4 Icelake-Server-v5 Icelake-Server-v6 SapphireRapids '
      + 'SapphireRapids-v2 GraniteRapids EPYC-v3 EPYC-v4 EPYC-Rome-v2 EPYC-Rome-v3 EPYC-Rome-v4 EPYC-Milan-v2 EPYC-Genoa '
      + 'x86-64-v2 x86-64-v2-AES x86-64-v3 x86-64-v4',
  },
  {
    since: '9.1',
    models: 'Icelake-Server-v7 SapphireRapids-v3 SapphireRapids-v4 GraniteRapids-v2 GraniteRapids-v3 SierraForest SierraForest-v2 '
      + 'SierraForest-v3 ClearwaterForest EPYC-v5 EPYC-Rome-v5 EPYC-Milan-v3 EPYC-Genoa-v2 EPYC-Turin a64fx cortex-a35 cortex-a53 '
      + 'cortex-a55 cortex-a57 cortex-a710 cortex-a72 cortex-a76 neoverse-n1 neoverse-n2 neoverse-v1',
  },
];

// Proxmox's own types: not QEMU models, so nothing may be reported as one of them.
const COMPOSED = new Set(['x86-64-v2', 'x86-64-v2-AES', 'x86-64-v3', 'x86-64-v4']);

const FLAGS = ['pcid', 'spec-ctrl', 'ibpb', 'ssbd', 'virt-ssbd', 'amd-ssbd', 'amd-no-ssb', 'pdpe1gb', 'md-clear', 'hv-tlbflush', 'hv-evmcs', 'aes'];

export function cpuTypes(version: string): readonly string[] {
  return GENERATIONS.filter(({ since }) => isAtLeast(version, since)).flatMap(({ models }) => models.split(' '));
}

/** What `reported-model` may name, in the order in which Proxmox lists it. */
export function reportedModels(version: string): readonly string[] {
  return cpuTypes(version).filter((type) => !COMPOSED.has(type)).sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
}

/** The flags that a single virtual machine may switch, in the order in which Proxmox lists them. */
export function cpuFlags(version: string): readonly string[] {
  return isAtLeast(version, '9.1') ? [...FLAGS, 'nested-virt'].sort() : FLAGS;
}
