import { describe, expect, test } from 'vitest';
import { readConfig } from '../../controller/config/read.ts';
import { Failure } from '../../controller/model/finding.ts';

const WHOLE = `
cluster: unq
source: { repository: /srv/latido/unq.git, branch: main }
listen:
  certificate: /etc/pve/local/pve-ssl.pem
  key: /etc/pve/local/pve-ssl.key
  tokens: [{ name: prometheus, hash: "sha256:${'0'.repeat(64)}", may: [metrics] }]
  webhook: { secret: { env: HOOK } }
notify:
  - { type: email, name: admins, host: mail.example.org, from: latido@example.org, to: [root@example.org] }
  - { type: slack, name: chat, url: { file: /etc/latido/slack.url }, on: [failure] }
forge: { type: gitea, url: https://git.example.org/api/v1, repository: it/cluster, token: { file: /etc/latido/forge.token } }
secrets: { file: /etc/latido/secrets.yaml, ageKey: { file: /etc/latido/age.key } }
`;

describe('a configuration', () => {
  test('is read whole', () => expect(readConfig(WHOLE, 'config.yaml')).toMatchObject({ cluster: 'unq', notify: [{ type: 'email' }, { type: 'slack' }], forge: { type: 'gitea' } }));
  test('may be as short as this', () => expect(readConfig('cluster: a\nsource: { directory: /x }\n', 'config.yaml')).toEqual({ cluster: 'a', source: { directory: '/x' } }));
  test('tells all mistakes with their places', () => expect(mistakes('cluster: a\nsource: { directory: /x, brnch: main }\nintervalSeconds: 1\n')).toEqual([
    'config.yaml:2:26 there is no field source.brnch', 'config.yaml:3:1 intervalSeconds is 1, and the least is 10',
  ]));
  test('never holds a secret', () => expect(mistakes('cluster: a\nsource: { directory: /x }\nforge: { type: github, repository: a/b, token: ghp_secret }\n').join()).not.toContain('ghp_secret'));
  test('needs one source', () => expect(mistakes('cluster: a\nsource: { branch: main }\n')).toEqual(['config.yaml:2:1 source names neither a repository nor a directory, or both']));
  test('is one document', () => expect(mistakes('cluster: a\n---\ncluster: b\n')).toEqual(['config.yaml:3:1 it holds several documents']));
  test('says something', () => expect(mistakes('# nothing\n')).toEqual(['config.yaml:1:1 it says nothing']));
});

function mistakes(text: string): readonly string[] {
  try {
    readConfig(text, 'config.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return error.findings.map(({ place, fact }) => `${place?.file}:${place?.line}:${place?.column} ${fact}`);
  }
}
