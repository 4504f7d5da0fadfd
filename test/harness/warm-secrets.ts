// Age and slow hashes are worked on by threads, for which virtual time does not wait: what a commit names is opened before.
import type { Parsed } from '../../controller/manifests/parse.ts';
import type { SecretDoor } from '../../controller/model/doors.ts';
import { secretsIn } from '../../controller/model/secret.ts';

export async function warmSecrets(door: SecretDoor | undefined, { documents, sealed = [] }: Parsed): Promise<void> {
  await door?.open(sealed, new Map(documents.flatMap(({ value }) => secretsIn(value).map(({ name }) => [name, []] as const))));
}
