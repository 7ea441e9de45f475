import { createAuthority, depsOf } from '#boot/authority.ts'
import { localCaller } from '#boot/connect.ts'
import { authorityFiles } from '#boot/paths.ts'
import type { Deps } from '#app/deps.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { newId } from '#kernel/identifier.ts'
import { instant } from '#kernel/instant.ts'
import { openSqliteStore } from '#store/sqlite/open.ts'
import type { Store } from '#store/port.ts'

const CLIENTS = 100
const BATCH = 10_000

export interface Seeded {
  readonly deps: Deps
  readonly store: Store
  close(): Promise<void>
}

/** A real authority in a folder, opened here and not through a command. */
export async function openSeeded(directory: string): Promise<Seeded> {
  const files = authorityFiles(directory)
  await createAuthority(directory, 'http://127.0.0.1:7420', process.env, localCaller())
  const store = openSqliteStore({ path: files.database, mode: 'open' })
  const deps = depsOf(store, files, process.env)
  await store.write(async (tx) => {
    for (let i = 0; i < CLIENTS; i++) {
      await tx.insertClient({
        id: `client-${i}`,
        tier: 'standard',
        scopes: ['deploy:*', 'read'],
        audiences: ['https://api.example.com'],
        authMethods: [],
        keys: [],
        state: 'enabled',
        tags: {},
        createdAt: deps.clock.now(),
      })
    }
  })
  return { deps, store, close: () => store.close() }
}

/** Adds live credentials as issuing would record them, without signing a token for each. */
export async function addCredentials(
  { deps, store }: Seeded,
  count: number,
  clientOf: (i: number) => string = (i) => `client-${i % CLIENTS}`,
): Promise<void> {
  const { position, key } = await store.read(async (tx) => {
    const { items } = await tx.listKeys({ purpose: 'token', states: ['active'] }, { limit: 1 })
    return { position: (await tx.feed()).position, key: items[0]?.id ?? '' }
  })
  const issuedAt = instant(Math.floor(deps.clock.now() / 1000) * 1000)
  for (let done = 0; done < count; done += BATCH) {
    const batch: Credential[] = []
    for (let i = done; i < Math.min(count, done + BATCH); i++) {
      const clientId = clientOf(i)
      // Each a millisecond later than the last, as if issued one after another.
      const id = newId('cred', instant(issuedAt - count + i), deps.entropy)
      batch.push({
        id,
        clientId,
        tier: 'standard',
        subject: clientId,
        scopes: ['deploy:prod', 'read'],
        audience: ['https://api.example.com'],
        issuedAt,
        expiresAt: instant(issuedAt + 3_600_000),
        keyId: key,
        sessionId: id,
        feedSeq: position,
        rootSeq: position,
        rootIssuedAt: issuedAt,
        createdBy: 'local:bench',
        tags: {},
      })
    }
    await store.write((tx) => tx.insertCredentials(batch))
  }
}
