import { exchangeIdentity, type JobToken } from '#cli/ci/exchange.ts'
import { issuedShape } from '#cli/commands/shapes.ts'
import type { Kit, PrivateFile } from '#cli/kit.ts'
import { type Outcome, record } from '#cli/view.ts'
import { Problem, refuse } from '#kernel/problem.ts'
import { ENV_NAME, envText, headline, tokenLines, withoutToken } from './issued.ts'

type Input = Parameters<typeof exchangeIdentity>[1] & {
  readonly env: string | undefined
  readonly outFile: string | undefined
}

/** `credctl token issue --ci`: for a job, without a secret, and without the token in its log. */
export async function issueToJob(kit: Kit, input: Input): Promise<Outcome> {
  const place = placeOf(kit, input)
  // Before anything is issued: a token that cannot be put anywhere would be lost.
  const file = await openedAt(kit, place)
  let issued: JobToken | undefined
  try {
    issued = await exchangeIdentity(kit, input)
    await file?.append(place.textOf(issued))
    await show(kit, issued, place)
    await file?.close()
  } catch (failure) {
    await file?.discard()
    if (issued !== undefined) await takeBack(kit, issued)
    throw failure
  }
  return {}
}

interface Place {
  readonly kind: 'stdout' | 'file' | 'outputs'
  readonly path?: string
  /** Of the variable under `-o env`. */
  readonly name: string
  readonly textOf: (issued: JobToken) => string
}

/** Formats that are asked for in order to have the token. */
const PRINTING = ['token', 'env', 'json', 'jsonl', 'yaml']

/** What a job prints is its log, so the token goes there only where it is asked to. */
function placeOf({ settings, env }: Kit, { outFile, env: name = ENV_NAME }: Input): Place {
  const { output, fields, isQuiet } = settings
  if (outFile !== undefined) {
    const textOf = (issued: JobToken): string =>
      output === 'env' ? envText(issued, name) : tokenLines([issued])
    return { kind: 'file', path: outFile, name, textOf }
  }
  const isPrinted = PRINTING.includes(output) && fields?.includes('token') !== false
  if (isPrinted && !isQuiet) return { kind: 'stdout', name, textOf: () => '' }
  const path = env['GITHUB_OUTPUT']
  if (path !== undefined && path !== '') return { kind: 'outputs', path, name, textOf: outputsOf }
  return refuse('usage-invalid', 'the token has nowhere to go: a log is no place for it', {
    next: '--out-file FILE, or -o token into a variable; or run the program by `credctl token exec --ci`',
  })
}

/** One line each: neither a token nor an id nor a time can hold an end of line. */
const outputsOf = ({ token, credential }: JobToken): string =>
  `token=${token}\nexpires-at=${credential.expiresAt}\ncredential-id=${credential.id}\n`

async function openedAt({ files }: Kit, { kind, path }: Place): Promise<PrivateFile | undefined> {
  if (path === undefined) return undefined
  return kind === 'file' ? files.claimPrivate(path) : files.openAtEnd(path)
}

async function show(kit: Kit, issued: JobToken, { kind, path, name }: Place): Promise<void> {
  const { trustId, ...all } = issued
  const shown = kind === 'stdout' ? all : withoutToken(all, kind === 'file' ? path : undefined)
  const { output, isQuiet } = kit.settings
  const texts = { token: () => tokenLines([issued]), env: () => envText(issued, name) }
  const isText = !isQuiet && Object.hasOwn(texts, output)
  if (kind === 'stdout' || !isText) {
    const line = `${headline([issued]).slice(0, -1)}, under trust ${trustId}.`
    await kit.show(record(issuedShape, shown, { headline: [line], texts }))
  }
  if (kind === 'file') kit.hint(`the token is in ${path}, which only you can read`)
  if (kind === 'outputs') kit.hint('the token is an output of this step: token')
  const from = kind === 'file' ? ` --token-file ${path}` : ''
  if (!isText) kit.hint(`when the job ends: credctl token revoke-self${from}`)
}

/** What nobody has got must not live on. That it cannot be revoked now hides nothing: it expires. */
async function takeBack(kit: Kit, { token }: JobToken): Promise<void> {
  try {
    await (await kit.oauth()).revokeSelf(token)
  } catch (failure) {
    if (!(failure instanceof Problem)) throw failure
  }
}
