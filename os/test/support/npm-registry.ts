import { createHash } from 'node:crypto';

import { type HttpServer, serveHttp } from './serve-http.ts';

export const integrityOf = (archive: Uint8Array): string =>
  `sha512-${createHash('sha512').update(archive).digest('base64')}`;

/** Serves one package as an npm registry. Its hashes are those of the archive that it serves. */
export const serveNpm = (name: string, version: string, archive: Uint8Array): Promise<HttpServer> =>
  serveHttp((request, response) => {
    const tarball = `http://${request.headers.host ?? ''}/${name}/-/${name}-${version}.tgz`;
    if (request.url?.endsWith('.tgz') === true) return response.end(archive);
    const dist = { tarball, integrity: integrityOf(archive) };
    const versions = { [version]: { name, version, dist } };
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }));
  });
