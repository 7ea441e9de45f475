import { type IssuedToken, tokens } from '#cli/commands/shapes.ts'
import { shellQuote } from '#cli/confirm.ts'
import { askClient } from '#cli/input.ts'
import type { Kit } from '#cli/kit.ts'
import { formatDuration } from '#kernel/duration.ts'
import { refuse } from '#kernel/problem.ts'

/** The variable that holds a token, where it is not given another name. */
export const ENV_NAME = 'ACCESS_TOKEN'

/** A token as it is printed; one that went elsewhere is not printed too. */
export type Delivered = IssuedToken | (Omit<IssuedToken, 'token'> & { readonly outFile?: string })

export function withoutToken(issued: IssuedToken, outFile?: string): Delivered {
  const { token: _, ...rest } = issued
  return outFile === undefined ? rest : { ...rest, outFile }
}

export function headline(
  issued: readonly Pick<IssuedToken, 'credential' | 'expiresIn'>[],
  count = 1,
): string {
  const [first] = issued
  if (first === undefined) return ''
  const { credential, expiresIn } = first
  const what = count === 1 ? 'a token' : tokens(count)
  const scopes = credential.scopes.join(' ')
  return `Issued ${what} to ${credential.clientId} for ${scopes}, valid for ${formatDuration(expiresIn)}.`
}

export const tokenLines = (issued: readonly Pick<IssuedToken, 'token'>[]): string =>
  issued.map(({ token }) => `${token}\n`).join('')

/** Quoted for a POSIX shell, although neither a token nor a time needs it. */
export const envText = ({ token, credential }: IssuedToken, name: string): string =>
  `${name}=${shellQuote(token)}\n${name}_EXPIRES_AT=${shellQuote(credential.expiresAt)}\n`

/** As a required flag is asked for; with `--ci` it is the trust that says which client it is. */
export async function askForClient(kit: Kit): Promise<string> {
  if (kit.isInteractive) return askClient(kit)
  return refuse('input-required', '--client is missing', {
    next: 'name one, or in a CI job give --ci',
    facts: { missing: ['--client'] },
  })
}
