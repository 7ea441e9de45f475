import { file, keyValue, many, text, time, toggle, type Values } from '#cli/flags.ts'
import { readIds } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { SELECTION_TOKENS_MAX, SELECTOR_VALUES_MAX } from '#contract/limits.ts'
import { parseToken } from '#contract/token.ts'
import { formatInstant } from '#kernel/instant.ts'
import { refuse } from '#kernel/problem.ts'
import { sendList } from './long-list.ts'

/** What to hit and what to spare. */
export const selectionFlags = {
  token: many('A token by its id; - reads the token itself from stdin', {
    placeholder: 'ID',
    complete: 'credential',
  }),
  client: many('Tokens of a client', { placeholder: 'CLIENT', complete: 'client' }),
  subject: many('Tokens of a subject', { placeholder: 'SUBJECT', whole: true }),
  session: many('Tokens of a session', { placeholder: 'ID' }),
  scope: many('Tokens with a scope, or with one that a pattern such as deploy:* matches', {
    placeholder: 'SCOPE',
  }),
  audience: many('Tokens for an audience', { placeholder: 'AUDIENCE' }),
  key: many('Every token that a signing key signed; stands alone and is final', {
    placeholder: 'KEY',
    complete: 'key',
  }),
  trust: many('Tokens exchanged under a trust', { placeholder: 'TRUST' }),
  tag: keyValue('Tokens with a tag'),
  issuedBefore: time('Only tokens issued before; a time, or a duration ago'),
  issuedAfter: time('Only tokens issued at or after; a time, or a duration ago'),
  all: toggle('Every token; it has to be said'),
  from: file('Tokens from a file or stdin (-), an id or a token on each line'),
  resume: text('Go on with a list that was cut short, by the id that was printed first', {
    placeholder: 'ID',
  }),
  exceptToken: many('Spare a token and its session', { placeholder: 'ID', complete: 'credential' }),
  exceptClient: many('Spare a client', { placeholder: 'CLIENT', complete: 'client' }),
  exceptSubject: many('Spare a subject', { placeholder: 'SUBJECT', whole: true }),
  exceptSession: many('Spare a session', { placeholder: 'ID' }),
}

export type Selection = Values<typeof selectionFlags>

/** Refuses what names nothing, before anything is read, asked or counted. */
export function mustNameSomething(selection: Selection): void {
  const { token, client, subject, session, scope, audience, key, trust, tag, all, from } = selection
  if (selection.resume !== undefined && from === undefined) {
    refuse('usage-invalid', '--resume goes on with a list, and --from does not say which', {
      next: 'run the same command as before, with --resume ID',
    })
  }
  const named = [token, client, subject, session, scope, audience, key, trust, Object.keys(tag)]
  if (all || from !== undefined || named.some((values) => 0 < values.length)) return
  const { issuedBefore, issuedAfter } = selection
  refuse(
    'selector-empty',
    issuedBefore === undefined && issuedAfter === undefined
      ? 'nothing says what to revoke, and nothing never means all'
      : '--issued-before and --issued-after narrow a selection, and there is none to narrow',
    {
      next: 'add --token, --client, --subject, --session, --scope, --audience, --key, --trust, --tag or --from; or --all',
    },
  )
}

/** The selector and the exceptions as the admin API takes them; reads stdin and files. */
export async function readSelection(kit: Kit, selection: Selection) {
  const tokens = await readTokens(kit, selection)
  const { issuedBefore, issuedAfter, resume } = selection
  const isLong = SELECTOR_VALUES_MAX < tokens.length || resume !== undefined
  return {
    ...(isLong ? { selectionId: await sendList(kit, tokens, resume) } : {}),
    selector: {
      tokens: isLong ? [] : tokens,
      clients: [...selection.client],
      subjects: [...selection.subject],
      sessions: [...selection.session],
      scopes: [...selection.scope],
      audiences: [...selection.audience],
      keys: [...selection.key],
      trusts: [...selection.trust],
      tags: { ...selection.tag },
      ...(issuedAfter === undefined ? {} : { issuedAfter: formatInstant(issuedAfter) }),
      ...(issuedBefore === undefined ? {} : { issuedBefore: formatInstant(issuedBefore) }),
      ...(selection.all ? { all: true as const } : {}),
    },
    exceptions: {
      tokens: givenIds(kit, selection.exceptToken, '--except-token'),
      clients: [...selection.exceptClient],
      subjects: [...selection.exceptSubject],
      sessions: [...selection.exceptSession],
    },
  }
}

async function readTokens(kit: Kit, { token, from }: Selection): Promise<string[]> {
  if (token.includes('-') && from === '-') {
    refuse('usage-invalid', '--token - and --from - both want stdin', {
      next: 'put the token on a line of its own in what --from reads',
    })
  }
  const ids = new Set(await readTokenIds(kit, token, '--token'))
  if (from !== undefined) for (const id of await readList(kit, from)) ids.add(id)
  if (ids.size <= SELECTION_TOKENS_MAX) return [...ids]
  return refuse(
    'usage-invalid',
    `${ids.size} tokens are named, and one revocation takes at most ${SELECTION_TOKENS_MAX}`,
    { next: `split -l ${SELECTION_TOKENS_MAX} FILE; then revoke --from each part` },
  )
}

/** Tokens by their ids; a `-` among them is the token itself, on stdin. */
export async function readTokenIds(
  kit: Kit,
  given: readonly string[],
  flag: string,
): Promise<string[]> {
  const named = given.filter((one) => one !== '-')
  const ids = givenIds(kit, named, flag)
  if (named.length < given.length) ids.push(idOnStdin(await kit.io.readStdin()))
  return ids
}

/** Ids from the command line; a whole token there has been shown to others, which is worth saying. */
function givenIds(kit: Kit, given: readonly string[], flag: string): string[] {
  if (given.some(isToken)) {
    kit.warn(`${flag}: a token on the command line can be read by others on this machine; use -`)
  }
  return given.map((one) => (isToken(one) ? idOf(one, flag) : one))
}

function idOnStdin(text: string): string {
  const token = text.trim()
  if (token !== '') return idOf(token, 'stdin')
  return refuse('token-malformed', 'stdin holds no token', {
    next: 'pipe the token in, or name it by its id with --token ID',
  })
}

/** A list that names nothing is refused: beside another flag it would no longer narrow anything. */
async function readList(kit: Kit, from: string): Promise<string[]> {
  const lines = await readIds(kit, from)
  if (lines.length === 0) {
    refuse('selector-empty', `${from === '-' ? 'stdin' : from} names no tokens`, {
      next: 'give one id a line; blank lines and lines that begin with # do not count',
    })
  }
  return lines.map((line, i) => (isToken(line) ? idOf(line, `--from, entry ${i + 1}`) : line))
}

/** Two dots make no id of ours; whatever has them is a token or meant to be one. */
const isToken = (text: string): boolean => text.startsWith('eyJ') || 3 <= text.split('.').length

/** The `jti` of a token, read offline. The token itself never appears in what is said about it. */
function idOf(token: string, where: string): string {
  const parsed = parseToken(token)
  if (typeof parsed === 'string') {
    return refuse('token-malformed', `${where}: that is no token: ${parsed}`, {
      next: 'give the whole token, or name it by its id',
    })
  }
  const { jti } = parsed.claims
  if (typeof jti === 'string' && jti !== '') return jti
  return refuse('token-malformed', `${where}: the token has no id (claim jti)`, {
    next: 'revoke what it belongs to, for example with --client or --subject',
  })
}
