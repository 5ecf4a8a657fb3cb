import { expect, it } from 'vitest';

import { ociDigest } from '../../../../src/build/formats/oci.ts';

it('writes digests as OCI does', () => {
  expect(ociDigest('')).toBe(
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
});
