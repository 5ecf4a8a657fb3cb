import { createServer, type RequestListener } from 'node:http';

/** A server on loopback that ends when it is disposed of. */
export interface HttpServer extends AsyncDisposable {
  /** Its address, with a slash at the end. */
  readonly url: string;
}

export async function serveHttp(listener: RequestListener): Promise<HttpServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('listen on 127.0.0.1');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
