/**
 * A resource server of a user of the SDK, from the built package: a process of its own that serves
 * what a token opens, holds a stream open while the token lives, and tells what its verifier knows.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createVerifier, type VerifierOptions } from 'credctl/verifier'

const alarms: string[] = []
const verifier = await createVerifier({
  ...(JSON.parse(process.argv[2] ?? '{}') as VerifierOptions),
  onAlarm: ({ detail }) => void alarms.push(detail),
})
const guarded = verifier.middleware({ scopes: ['read'] })

const tokenOf = ({ headers }: IncomingMessage): string =>
  (headers.authorization ?? '').replace(/^Bearer /, '')

const server = createServer((request, response) => void answer(request, response))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const json = (value: unknown): void => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
  switch (request.url ?? '') {
    case '/decide':
      return json(await verifier.verify(tokenOf(request)))
    case '/guarded':
      return guarded(request, response, () => json({ served: true }))
    case '/watch': {
      const decision = await verifier.verify(tokenOf(request))
      response.flushHeaders()
      response.on(
        'close',
        verifier.onRevoked(decision, (end) => response.end(JSON.stringify(end))),
      )
      return
    }
    case '/status':
      return json(verifier.status())
    default:
      return json(alarms)
  }
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)
})
process.once('SIGTERM', async () => {
  server.closeAllConnections()
  server.close()
  await verifier.close()
})
