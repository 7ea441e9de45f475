import type { CompletionKind } from './flags.ts'
import type { World } from './kit.ts'
import { kitOf } from './make-kit.ts'
import { clean } from './render/text.ts'
import { settingsOf } from './settings.ts'

/** A key press waits for it, so it is answered soon or not at all. */
const COMPLETE_MS_MAX = 1500
/** More than this nobody reads in a completion menu. */
const COMPLETE_ITEMS_MAX = 200

/**
 * `credctl __complete KIND WORD…`: values for the shell, one a line, with a tab and a description.
 * WORD… is the command line so far, for its `--server` and the like. It never fails: a shell in the
 * middle of a line has no place for an error.
 */
export async function complete(words: readonly string[], world: World): Promise<number> {
  const [kind = '', ...line] = words
  const list = Object.hasOwn(lists, kind) ? lists[kind as CompletionKind] : undefined
  if (list === undefined) return 0
  const found = await Promise.race([
    list(quietKit(world, line)).catch(() => []),
    world.clock.sleep(COMPLETE_MS_MAX).then(() => []),
  ])
  const text = found
    .slice(0, COMPLETE_ITEMS_MAX)
    .map(([value, about]) => `${clean(value)}\t${clean(about)}\n`)
    .join('')
  await world.io.out(text)
  return 0
}

type Found = readonly (readonly [value: string, about: string])[]
type List = (kit: ReturnType<typeof kitOf>) => Promise<Found>

const lists: Partial<Record<CompletionKind, List>> = {
  client: async (kit) => {
    const { listClients } = await kit.admin()
    const { items } = await listClients({ limit: COMPLETE_ITEMS_MAX })
    return items.map(({ id, tier, state }) => [id, `${tier}, ${state}`])
  },
  credential: async (kit) => {
    const { listCredentials } = await kit.admin()
    const { items } = await listCredentials({ limit: COMPLETE_ITEMS_MAX })
    return items.map(({ id, clientId, state }) => [id, `${clientId}, ${state}`])
  },
  revocation: async (kit) => {
    const { listRevocations } = await kit.admin()
    const { items } = await listRevocations({ limit: COMPLETE_ITEMS_MAX })
    return items.map(({ id, reason, state }) => [id, `${reason}, ${state}`])
  },
  key: async (kit) => {
    const { listKeys } = await kit.admin()
    const { items } = await listKeys({ limit: COMPLETE_ITEMS_MAX })
    return items.map(({ id, purpose, state }) => [id, `${purpose}, ${state}`])
  },
  verifier: async (kit) => {
    const { listVerifiers } = await kit.admin()
    const { items } = await listVerifiers({ limit: COMPLETE_ITEMS_MAX })
    const byName = new Map(items.map(({ name, mode, state }) => [name, `${mode}, ${state}`]))
    return [...byName]
  },
  context: async ({ contexts }) =>
    (await contexts.list()).map(({ name, server, dataDir }) => [name, server ?? dataDir ?? '']),
}

/** A kit that says nothing and asks nothing, aimed where the line so far aims. */
function quietKit(world: World, line: readonly string[]): ReturnType<typeof kitOf> {
  const io = { ...world.io, err: () => undefined, isInTty: false, isErrTty: false }
  const value = (flag: string): string | undefined => {
    const index = line.lastIndexOf(flag)
    const joined = line.findLast((word) => word.startsWith(`${flag}=`))
    return index === -1 ? joined?.slice(flag.length + 1) : line[index + 1]
  }
  const settings = settingsOf(
    {
      output: undefined,
      quiet: false,
      fields: [],
      noHeaders: false,
      sortBy: undefined,
      server: value('--server'),
      context: value('--context'),
      dataDir: value('--data-dir'),
      caCert: value('--ca-cert'),
      idempotencyKey: undefined,
      noInput: true,
      noColor: true,
      debug: false,
      help: false,
    },
    world.env,
  )
  return kitOf({ ...world, io }, settings, async () => ({ status: 1, out: '', err: '' }))
}
