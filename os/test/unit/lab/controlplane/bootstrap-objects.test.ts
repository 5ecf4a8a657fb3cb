import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import {
  bootstrapObjects,
  newBootstrapToken,
} from '../../../../src/lab/controlplane/bootstrap-objects.ts';

const Metadata = v.object({ name: v.string(), namespace: v.optional(v.string()) });

describe('a bootstrap token', () => {
  const { token, secret } = newBootstrapToken(new Date('2030-01-02T03:04:05.678Z'));

  it('has the form that Kubernetes requires', () => {
    expect(token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/u);
  });

  it('expires at a time in RFC 3339 form without fractions', () => {
    expect(secret.body).toMatchObject({ stringData: { expiration: '2030-01-02T03:04:05Z' } });
  });

  it('has the name that the token authenticator expects', () => {
    const [id] = token.split('.');
    expect(secret.path).toBe(`/api/v1/namespaces/kube-system/secrets/bootstrap-token-${id}`);
  });

  it('differs each time', () => {
    expect(newBootstrapToken(new Date()).token).not.toBe(token);
  });
});

describe('the objects for joining nodes', () => {
  const objects = bootstrapObjects('https://10.0.2.2:6443', 'CERTIFICATE');

  it('have paths that match their names', () => {
    for (const { path, body } of objects) {
      const { name, namespace = '' } = v.parse(Metadata, body['metadata']);
      expect(path.endsWith(`/${name}`)).toBe(true);
      expect(/\/namespaces\/([^/]+)\//u.exec(path)?.[1] ?? '').toBe(namespace);
    }
  });

  it('publish the cluster’s address and CA, and nothing else', () => {
    const map = objects.find(({ path }) => path.endsWith('/configmaps/cluster-info'));
    const { kubeconfig } = v.parse(v.object({ kubeconfig: v.string() }), map?.body['data']);
    expect(parse(kubeconfig)).toMatchObject({
      clusters: [
        {
          cluster: {
            server: 'https://10.0.2.2:6443',
            'certificate-authority-data': Buffer.from('CERTIFICATE').toString('base64'),
          },
        },
      ],
      users: null,
    });
  });
});
