import { expect, it } from 'vitest';

import { withoutSecrets } from '../../../src/build/sources/oras-output.ts';
import { failureOf } from '../../../src/publish/transport/failures.ts';

const target = { registry: 'registry.example', prefix: 'kios' };

it.each([
  [
    'Copying 89a325c7e71a b.bin\nError response from registry: unauthorized: authentication required',
    'KIOS_PUBLISH_DENIED',
  ],
  [
    'Error: PUT "https://registry.example/v2/": response status code 403: denied',
    'KIOS_PUBLISH_DENIED',
  ],
  ['Error: basic credential not found', 'KIOS_PUBLISH_DENIED'],
  ['Error: tls: failed to verify certificate: x509: unknown authority', 'KIOS_PUBLISH_TLS'],
  ['Error: response status code 500: Internal Server Error', 'KIOS_PUBLISH'],
  [
    'hunter2, says the helper\nError: failed to resolve credential: exit status 1',
    'KIOS_PUBLISH_DENIED',
  ],
  ['hunter2', 'KIOS_PUBLISH'],
  ['', 'KIOS_PUBLISH'],
])('%j is %s', (output, code) => {
  const failure = failureOf(target, 'send to registry.example/kios/dhcp', output);
  expect(failure).toMatchObject({ code });
  expect(failure.message).toMatch(/^send to registry\.example\/kios\/dhcp: \S/);
  expect(failure.message).not.toMatch(/Copying|hunter2/);
  expect(failure.remedy).toMatch(/^[A-Z].*\.$/);
});

it('takes passwords, tokens and signed addresses out of what a program says', () => {
  const said = withoutSecrets(
    'PUT "https://me:hunter2@registry.example/v2/a?_state=hunter2&x=1": Authorization: Bearer hunter2.x-y, Basic aHVudGVyMg==',
  );
  expect(said).toBe('PUT "https://registry.example/v2/a?…": Authorization: Bearer …, Basic …');
});
