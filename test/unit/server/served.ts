import { onTestFinished } from 'vitest'
import { authenticateBearer } from '#app/authenticate.ts'
import { jwks } from '#app/keys.ts'
import { createStatusLists } from '#app/status-lists.ts'
import { deflate, gzip } from '#boot/compress.ts'
import { createDispatch, type Operating } from '#server/dispatch.ts'
import { metadata, openApi } from '#server/documents.ts'
import { createHttp } from '#server/http.ts'
import { createOauthEndpoints } from '#server/oauth/endpoints.ts'
import { createOperations } from '#server/operations.ts'
import { recordScopeRefusal } from '#server/scope-refusal.ts'
import { createWorld, ISSUER, type TestWorld } from '../world.ts'

export interface Served {
  readonly world: TestWorld
  readonly app: ReturnType<typeof createHttp>
  /** A token of the authority for its own API. */
  readonly token: (scopes?: readonly string[]) => Promise<string>
  readonly faults: unknown[]
  readonly state: { ready: boolean }
}

/** The real authority behind the real HTTP; `instead` puts other operations in some places. */
export async function served(instead: Partial<Operating> = {}): Promise<Served> {
  const world = await createWorld()
  const { deps } = world
  const faults: unknown[] = []
  const state = { ready: true }
  let requests = 0
  const app = createHttp({
    dispatch: createDispatch(
      { ...createOperations(deps), ...instead },
      {
        onScopeRefused: (call, caller, problem) => recordScopeRefusal(deps, call, caller, problem),
        onFault: (fault) => faults.push(fault),
      },
    ),
    authenticate: (request) =>
      authenticateBearer(deps, ISSUER, request.headers.authorization, {
        transport: 'http',
        ip: request.ip,
      }),
    newRequestId: () => `req_made_${(requests += 1)}`,
    publicDocuments: {
      issuerPath: '',
      jwks: () => jwks(deps),
      metadata: () => metadata(ISSUER),
      openapi: () => openApi(ISSUER, deps.version),
    },
    oauth: createOauthEndpoints(deps, {
      endOfTick: async () => {},
      onFault: (fault) => faults.push(fault),
    }),
    statusLists: {
      lists: createStatusLists(deps, deflate),
      gzip,
      now: () => deps.clock.now(),
    },
    ready: async () => state.ready,
    onFault: (fault) => faults.push(fault),
    trustProxy: false,
  })
  onTestFinished(() => app.close())
  await world.admin.createClient({ id: 'ops', scopes: ['admin:*'] })
  return {
    world,
    app,
    faults,
    state,
    token: async (scopes = ['admin:*']) => {
      const { items } = await world.admin.issueTokens({ clientId: 'ops', scopes: [...scopes] })
      return items[0]?.token ?? ''
    },
  }
}
