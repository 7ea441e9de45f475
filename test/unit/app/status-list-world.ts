import { inflateSync } from 'node:zlib'
import { createStatusLists, type StatusLists } from '#app/status-lists.ts'
import { deflate } from '#boot/compress.ts'
import type { Credential } from '#domain/credential/credential.ts'
import { parseToken } from '#domain/credential/token.ts'
import { defaultPolicy, type Policy } from '#domain/policy/policy.ts'
import { createWorld, type TestWorld } from '../world.ts'

export const policyOf = (statusLists: Partial<Policy['statusLists']>): Policy => ({
  ...defaultPolicy,
  statusLists: { ...defaultPolicy.statusLists, ...statusLists },
})

export interface ReadList {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: {
    readonly sub: string
    readonly iat: number
    readonly exp: number
    readonly ttl: number
    readonly status_list: { readonly bits: number; readonly lst: string }
  }
  /** What it says of a place, read as the draft has it. */
  readonly at: (index: number) => number
}

const LIST_CHARACTERS_MAX = 1_000_000

export function readList(text: string): ReadList {
  const parsed = parseToken(text, LIST_CHARACTERS_MAX)
  if (typeof parsed === 'string') throw new Error(parsed)
  const claims = parsed.claims as unknown as ReadList['claims']
  const bytes = inflateSync(Buffer.from(claims.status_list.lst, 'base64url'))
  const at = (index: number): number =>
    ((bytes[Math.floor(index / 4)] ?? 9) >> (2 * (index % 4))) & 3
  return { header: parsed.header, claims, at }
}

export interface ListWorld {
  readonly world: TestWorld
  readonly lists: StatusLists
  readonly issue: (more?: object) => Promise<Credential>
  readonly find: (id: string) => Promise<Credential>
  readonly listOf: (credential: Credential) => Promise<ReadList>
  /** What the list of a credential says of it now. */
  readonly statusOf: (credential: Credential) => Promise<number>
}

/** An authority with client `a`, and its status lists. */
export async function listWorld(policy: Policy = defaultPolicy): Promise<ListWorld> {
  const world = await createWorld({ policy })
  await world.admin.createClient({ id: 'a', scopes: ['read', 'write'] })
  const lists = createStatusLists(world.deps, deflate)
  const find = async (id: string): Promise<Credential> => {
    const found = await world.store.read((tx) => tx.findCredential(id))
    if (found === undefined) throw new Error(`no credential ${id}`)
    return found
  }
  const listOf = async ({ status }: Credential): Promise<ReadList> =>
    readList((await lists.issue(status?.list ?? '')).text)
  return {
    world,
    lists,
    find,
    async issue(more = {}) {
      const { items } = await world.admin.issueTokens({ clientId: 'a', ...more })
      return find(items[0]?.credential.id ?? '')
    },
    listOf,
    statusOf: async (credential) =>
      (await listOf(credential)).at(credential.status?.index ?? Number.NaN),
  }
}
