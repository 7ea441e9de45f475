/**
 * What a fan-out costs at least: a bare `node:http` server that writes one event, as long as a
 * revocation's entry and its head, to every listener. Node's own module and nothing else.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An entry of a selector (about 250 bytes) and a signed head (about 700). */
const EVENT = Buffer.from(
  `id: 4294967300\nevent: entry\ndata: ${'e'.repeat(250)}\n\nevent: head\ndata: ${'h'.repeat(700)}\n\n`,
)
const listeners = new Set<ServerResponse>()

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    for (const listener of listeners) listener.write(EVENT)
    response.end('{}')
    return
  }
  request.socket.setNoDelay(true)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(': open\n\n')
  listeners.add(response)
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  const { port } = server.address() as AddressInfo
  process.send?.({ kind: 'ready', url: `http://127.0.0.1:${port}` })
})
