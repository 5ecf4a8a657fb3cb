import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

/** Answers like an API server to a client that only verifies it. Arguments: certificate, key, address, port. */
const [certificate = '', key = '', address = '', port = ''] = process.argv.slice(2);
const identity = { cert: readFileSync(certificate), key: readFileSync(key) };
const server = createServer(identity, (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"major":"1"}');
});
server.listen(Number(port), address, () => process.stdout.write('ready\n'));
