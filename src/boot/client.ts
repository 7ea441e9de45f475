import { connect as connectTransport } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import { newId } from '#kernel/identifier.ts'
import { refuse } from '#kernel/problem.ts'
import { httpTransport } from './http-transport.ts'
import { systemClock, systemEntropy } from './system.ts'
import { VERSION } from './version.ts'

export { Problem } from '#kernel/problem.ts'

/** What `client.d.ts` says of it is written by `client/declarations.ts`. */
export interface ConnectTo {
  readonly url?: string
  readonly socketPath?: string
  readonly token?: string
  readonly caCertFile?: string
  readonly isRetrying?: boolean
}

/** The admin API as functions, over HTTP. Refusal: `usage-invalid`; a call's own as the contract has them. */
export function connect({
  url,
  socketPath,
  token,
  caCertFile,
  isRetrying = true,
}: ConnectTo): Admin {
  const address = socketPath === undefined ? url : 'http://localhost'
  if (address === undefined || !/^https?:$/.test(URL.parse(address)?.protocol ?? '')) {
    return refuse('usage-invalid', 'url is an http or https URL', {
      next: 'give the address of `credctl serve`, or the socketPath of its serve.sock',
    })
  }
  const transport = httpTransport({
    url: address,
    userAgent: `credctl-client/${VERSION}`,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(token === undefined ? {} : { token }),
    ...(caCertFile === undefined ? {} : { caCertFile }),
  })
  const newRequestId = (): string => newId('req', systemClock.now(), systemEntropy)
  const retry = { clock: systemClock, entropy: systemEntropy }
  return connectTransport(adminApi, transport, newRequestId, isRetrying ? { retry } : {})
}
