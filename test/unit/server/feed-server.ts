import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { embeddedTransport, openAuthority, type ServingDeps } from '#boot/authority.ts'
import { type RunningServer, startServer } from '#boot/server.ts'
import { connect } from '#client/connect.ts'
import { type Admin, adminApi } from '#contract/admin-api.ts'
import type { Deps } from '#app/deps.ts'
import { type DataFolder, dataFolder } from '../boot/data-folder.ts'
import { LOCAL } from '../world.ts'
import { type FeedClient, feedClient } from './feed-client.ts'

/** The real server on a real port over a real file. */
export interface FeedServer extends FeedClient {
  readonly home: DataFolder
  readonly url: string
  readonly deps: Deps
  readonly admin: Admin
  readonly server: RunningServer
  readonly alarms: string[]
  readonly faults: unknown[]
}

export interface ServerOptions {
  readonly serving?: ServingDeps
  readonly behindProxy?: boolean
  readonly confirmClock?: boolean
  readonly runOnFrom?: (timeMicros: number) => void
  /** An authority that is there already. */
  readonly home?: DataFolder
}

export async function feedServer(options: ServerOptions = {}): Promise<FeedServer> {
  const home = options.home ?? (await dataFolder())
  const alarms: string[] = []
  const faults: unknown[] = []
  const onFault = (fault: unknown): void => void faults.push(fault)
  const authority = openAuthority(home.data, {}, onFault, {
    alarm: (code) => alarms.push(code),
    ...options.serving,
  })
  const { behindProxy = false, confirmClock = false, runOnFrom = () => undefined } = options
  const server = await startServer(
    authority,
    { listen: '127.0.0.1:0', behindProxy, confirmClock },
    { local: LOCAL, onFault, warn: () => undefined, runOnFrom },
  )
  onTestFinished(() => server.stop())
  const { url } = server.serving
  const admin = connect(
    adminApi,
    embeddedTransport(authority.dispatch, LOCAL),
    () => `req_${randomBytes(8).toString('hex')}`,
  )
  return {
    home,
    url,
    deps: authority.deps,
    admin,
    server,
    alarms,
    faults,
    ...feedClient(url),
  }
}
