import { writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Writes a kubeconfig for a server without TLS. The Kubernetes library speaks plain HTTP only so. */
export async function writeKubeconfig(folder: string, url: string, user = {}): Promise<string> {
  const file = path.join(folder, 'kubeconfig');
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  await writeFile(file, JSON.stringify(content), { mode: 0o600 });
  return file;
}
