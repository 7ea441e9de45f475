import { createServer as createHttp, request as httpRequest, type ServerResponse } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createTcp,
  type Server,
  type Socket,
} from 'node:net'
import { onTestFinished } from 'vitest'

/** Bytes between a verifier and an authority, as a bad network has them. */
export interface TcpProxy {
  readonly url: string
  /** Nothing passes any more, and nobody is told: open at both ends, dead between. */
  stall(): void
  /** Cuts every connection; new ones pass. */
  cut(): void
  /** Cuts every connection that there is or will be. */
  refuse(): void
  /** Of every connection, cuts the answer after so many bytes. */
  truncate(bytes: number): void
  /** Passes everything again; what was stalled is cut. */
  heal(): void
  /** Goes on with another authority. */
  leadTo(url: string): void
}

export async function tcpProxy(to: string): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let mode: 'pass' | 'stall' | 'refuse' = 'pass'
  let leftMax = Infinity
  let target = new URL(to)
  const server = createTcp((near) => {
    keep(sockets, near)
    if (mode === 'refuse') return void near.destroy()
    const far = connect(Number(target.port), target.hostname)
    keep(sockets, far)
    let left = leftMax
    near.on('data', (chunk) => void (mode === 'pass' && far.write(chunk)))
    far.on('data', (chunk: Buffer) => {
      if (mode !== 'pass') return
      near.write(chunk.subarray(0, left))
      left -= chunk.length
      if (left < 0) near.end()
    })
    near.on('close', () => far.destroy())
    far.on('close', () => mode === 'stall' || near.destroy())
  })
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const become = (next: typeof mode): void => {
    mode = next
    leftMax = Infinity
  }
  return {
    url: await listening(server, cut),
    cut,
    stall: () => become('stall'),
    refuse() {
      become('refuse')
      cut()
    },
    truncate(bytes) {
      become('pass')
      leftMax = bytes
      cut()
    },
    heal() {
      become('pass')
      cut()
    },
    leadTo(url) {
      target = new URL(url)
      cut()
    },
  }
}

/** Somebody between a verifier and an authority who reads, and writes what he likes. */
export interface Interceptor {
  readonly url: string
  /** What becomes of an event of the stream, or of another answer's body: none, one or several. */
  change: (text: string, path: string) => readonly string[]
}

export async function interceptor(to: string): Promise<Interceptor> {
  const interceptor: { url: string; change: Interceptor['change'] } = {
    url: '',
    change: (text) => [text],
  }
  const server = createHttp((near, answer) => {
    const { method, url = '', headers } = near
    const { pathname } = new URL(url, to)
    const far = httpRequest(new URL(url, to), { method, headers }, (response) => {
      const { 'content-length': _, ...rest } = response.headers
      answer.writeHead(response.statusCode ?? 502, rest)
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (pathname === '/v1/feed') text = passEvents(text, answer)
      })
      response.on('end', () => {
        for (const one of interceptor.change(text, pathname)) answer.write(one)
        answer.end()
      })
      response.on('error', () => answer.destroy())
    })
    const passEvents = (text: string, out: ServerResponse): string => {
      const events = text.split('\n\n')
      const rest = events.pop() ?? ''
      for (const event of events) {
        for (const one of interceptor.change(`${event}\n\n`, pathname)) out.write(one)
      }
      return rest
    }
    far.on('error', () => answer.destroy())
    answer.on('close', () => far.destroy())
    near.pipe(far)
  })
  interceptor.url = await listening(server, () => server.closeAllConnections())
  return interceptor
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket)
  socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
}

async function listening(server: Server, cut: () => void): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    cut()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
