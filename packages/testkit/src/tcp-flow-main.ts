import { connect, createServer } from 'node:net';

/**
 * `serve PORT` echoes. `dial ADDRESS PORT` sends a counter over one connection and prints the echoes, until the
 * connection breaks.
 */

const INTERVAL_MS = 20;
const say = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);

function serve(port: number): void {
  const server = createServer((socket) => {
    socket.pipe(socket);
    socket.on('error', (error) => say({ broken: error.message }));
  });
  server.listen(port, () => say({ listening: port }));
}

function dial(address: string, port: number): void {
  const socket = connect(port, address);
  let sent = 0;
  setInterval(() => socket.write(`${(sent += 1)}\n`), INTERVAL_MS);
  socket.on('data', (data) => {
    const echoed = data.toString('latin1').trim().split('\n').at(-1);
    say({ echoed: Number(echoed) });
  });
  socket.on('error', (error) => say({ broken: error.message }));
  socket.on('close', () => process.exit(1));
}

const [verb, ...rest] = process.argv.slice(2);
if (verb === 'serve') serve(Number(rest[0]));
else dial(rest[0] ?? '', Number(rest[1]));
