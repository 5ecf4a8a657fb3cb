import { once } from 'node:events';
import { createServer as createHttpServer, request, type Server } from 'node:http';
import { createServer, type Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { createEgressProxy } from '../../../../src/lab/controlplane/egress-proxy.ts';
import type { Forwards } from '../../../../src/lab/controlplane/forwards.ts';

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listen(server: Server | ReturnType<typeof createServer>): Promise<number> {
  open.push(server);
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const echo = (): Promise<number> => listen(createServer((socket) => socket.pipe(socket)));

function connectThrough(
  proxy: number,
  target: string,
): Promise<{ status: number; socket: Socket }> {
  const sent = request({ host: '127.0.0.1', port: proxy, method: 'CONNECT', path: target });
  sent.end();
  return new Promise((resolve, reject) => {
    sent.once('error', reject);
    sent.once('connect', (reply, socket: Socket) => {
      open.push({ close: () => socket.destroy() });
      resolve({ status: reply.statusCode ?? 0, socket });
    });
  });
}

const startProxy = (table: () => Promise<Forwards>): Promise<number> =>
  listen(createEgressProxy(table, () => {}));

describe('the egress proxy', () => {
  it('connects the API server to the forwarded port of a node', async () => {
    const port = await echo();
    const proxy = await startProxy(async () => ({ '10.0.2.15:10250': `127.0.0.1:${port}` }));
    const { status, socket } = await connectThrough(proxy, '10.0.2.15:10250');
    expect(status).toBe(200);
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
  });

  it('connects to a node that was added after its start', async () => {
    let table: Forwards = {};
    const proxy = await startProxy(async () => table);
    expect((await connectThrough(proxy, '10.0.2.15:10250')).status).toBe(403);
    table = { '10.0.2.15:10250': `127.0.0.1:${await echo()}` };
    expect((await connectThrough(proxy, '10.0.2.15:10250')).status).toBe(200);
  });

  it.each(['10.0.2.15:22', '127.0.0.1:22', '__proto__', 'localhost:10250'])(
    'refuses %s, which is not in the table',
    async (target) => {
      const proxy = await startProxy(async () => ({ '10.0.2.15:10250': '127.0.0.1:1' }));
      expect((await connectThrough(proxy, target)).status).toBe(403);
    },
  );

  it('sends what the table does not have through a proxy on a node', async () => {
    const node = createServer();
    const port = await listen(node);
    const proxy = await startProxy(async () => ({ '*': `127.0.0.1:${port}` }));
    const asked = Promise.withResolvers<string>();
    node.once('connection', (socket) =>
      socket.once('data', (bytes) => {
        asked.resolve(String(bytes));
        socket.write('HTTP/1.0 200 OK\r\n\r\n');
        socket.pipe(socket);
      }),
    );
    const { status, socket } = await connectThrough(proxy, '10.96.0.10:443');
    expect(await asked.promise).toBe(
      'CONNECT 10.96.0.10:443 HTTP/1.1\r\nhost: 10.96.0.10:443\r\n\r\n',
    );
    expect(status).toBe(200);
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    expect((await connectThrough(proxy, 'a.example:443')).status).toBe(403);
  });

  it('replies 502 when the node is gone and 500 when its table cannot be read', async () => {
    const gone = await startProxy(async () => ({ '10.0.2.15:10250': '127.0.0.1:1' }));
    expect((await connectThrough(gone, '10.0.2.15:10250')).status).toBe(502);
    const broken = await startProxy(() => Promise.reject(new Error('half a file')));
    expect((await connectThrough(broken, '10.0.2.15:10250')).status).toBe(500);
  });

  it('closes one side when the other closes', async () => {
    const server = createServer();
    const port = await listen(server);
    const proxy = await startProxy(async () => ({ 'n:10250': `127.0.0.1:${port}` }));
    const arrived = Promise.withResolvers<Socket>();
    server.once('connection', arrived.resolve);
    const { socket } = await connectThrough(proxy, 'n:10250');
    const node = await arrived.promise;
    socket.destroy();
    node.resume();
    await once(node, 'close');
    expect(node.destroyed).toBe(true);
  });

  it('refuses ordinary proxy requests', async () => {
    const proxy = await startProxy(async () => ({}));
    const origin = await listen(createHttpServer((_, response) => response.end('origin')));
    const reply = await fetch(`http://127.0.0.1:${proxy}/http://127.0.0.1:${origin}/`);
    expect(reply.status).toBe(405);
  });
});
