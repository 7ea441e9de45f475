import type { Credential } from '#domain/credential/credential.ts'
import type { Matched } from '#domain/revocation/revocation.ts'

type Counts = Record<string, number>

/** Counts credentials as they pass, so that a million of them need no list. */
export interface Counter {
  add(credential: Credential): void
  totals(): Matched
}

export function counter(): Counter {
  let credentials = 0
  // Without a prototype: a scope may be called `constructor`.
  const byClient = Object.create(null) as Counts
  const byScope = Object.create(null) as Counts
  const byAudience = Object.create(null) as Counts
  return {
    add({ clientId, scopes, audience }) {
      credentials += 1
      increment(byClient, clientId)
      for (const scope of scopes) increment(byScope, scope)
      for (const one of audience) increment(byAudience, one)
    },
    totals: () => ({ credentials, byClient, byScope, byAudience }),
  }
}

const increment = (counts: Counts, key: string): void => {
  counts[key] = (counts[key] ?? 0) + 1
}
