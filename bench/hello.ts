/** The baseline: a bare `node:http` server that answers everything with one fixed body. Prints its address. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [body = ""] = process.argv.slice(2);
const headers = ["Content-Type", "application/json; charset=utf-8", "Content-Length", String(Buffer.byteLength(body))];
const server = createServer((_request, response) => {
  response.writeHead(200, headers);
  response.end(body);
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`);
});
process.once("SIGTERM", () => process.exit());
