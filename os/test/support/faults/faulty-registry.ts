import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { gzipSync } from 'node:zlib';

import { issueAuthority, issueLeaf } from '../../../src/lab/controlplane/certificates.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../../src/lab/controlplane/layout.ts';
import { freePort } from '../../../src/workstation/free-port.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Blob {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Returns the parts of an image by digest. Of its layer other bytes are sent than those that the digest is of. */
function corruptImage(): { readonly manifest: Blob; readonly blobs: ReadonlyMap<string, Buffer> } {
  const layer = gzipSync(Buffer.alloc(4096, 'right'));
  const wrong = Buffer.from(layer).fill('wrong', 20);
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(Buffer.alloc(4096, 'right'))] },
    }),
  );
  const part = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: part('application/vnd.oci.image.config.v1+json', config),
      layers: [part('application/vnd.oci.image.layer.v1.tar+gzip', layer)],
    }),
  );
  return {
    manifest: { type: MANIFEST, bytes: manifest },
    blobs: new Map([
      [digestOf(config), config],
      [digestOf(layer), wrong],
    ]),
  };
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { manifest, blobs } = corruptImage();
  const url = request.url ?? '';
  const send = ({ type, bytes }: Blob): void => {
    const length = String(bytes.length);
    const digest = { 'docker-content-digest': digestOf(manifest.bytes) };
    response.writeHead(200, { 'content-type': type, 'content-length': length, ...digest });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };
  const blob = blobs.get(url.slice(url.lastIndexOf('/') + 1));
  if (url === '/v2/') response.writeHead(200).end('{}');
  else if (url.startsWith('/v2/private/'))
    response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end('{}');
  else if (url.startsWith('/v2/corrupt/manifests/')) send(manifest);
  else if (blob !== undefined) send({ type: 'application/octet-stream', bytes: blob });
  else response.writeHead(404).end('{}');
}

/** A registry with TLS on the workstation's loopback, as guests of QEMU's user network see it. */
export interface FaultyRegistry extends AsyncDisposable {
  readonly port: number;
  /** The registry's name for the guest. */
  readonly name: string;
  /** Certificate of its authority. */
  readonly ca: string;
}

/** Starts a registry in which `private` needs a password, `corrupt` has damaged bytes, and nothing else exists. */
export async function startFaultyRegistry(): Promise<FaultyRegistry> {
  const authority = await issueAuthority('test authority');
  const { certificate, key } = await issueLeaf(authority, {
    commonName: 'registry',
    usage: 'server',
    dnsNames: ['localhost'],
    ips: [WORKSTATION_SEEN_BY_GUEST],
  });
  const server = createServer({ cert: certificate, key }, answer);
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port,
    name: `${WORKSTATION_SEEN_BY_GUEST}:${port}`,
    ca: authority.certificate,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await Promise.resolve();
    },
  };
}
