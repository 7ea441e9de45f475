import { file, oneOf, text, toggle } from '#cli/flags.ts'
import { refuse } from '#kernel/problem.ts'
import { identitySources } from './identity.ts'

/** What the commands share that can be run by a CI job without a secret. */
export const ciFlags = {
  ci: toggle('Exchange the identity token of this CI job; no secret is needed'),
  trust: text('The trust to be let in by, where several might be meant', { placeholder: 'ID' }),
  idTokenFrom: oneOf(identitySources, 'Where the job’s identity token comes from; found out'),
  idTokenFile: file('A file that holds the identity token; $CREDCTL_ID_TOKEN_FILE unless given'),
  idTokenVariable: text('The variable that holds it; CREDCTL_ID_TOKEN unless given', {
    placeholder: 'NAME',
  }),
  idTokenAudience: text('The audience to ask it for; the authority’s issuer unless given', {
    placeholder: 'AUDIENCE',
  }),
}

interface Given {
  readonly ci: boolean
  readonly trust: string | undefined
  readonly idTokenFrom: (typeof identitySources)[number] | undefined
  readonly idTokenFile: string | undefined
  readonly idTokenVariable: string | undefined
  readonly idTokenAudience: string | undefined
}

/** `others` are flags that mean nothing with `--ci`, and whether each was given. */
export function mustSuitCi(given: Given, others: Readonly<Record<string, boolean>>): void {
  const { ci, trust, idTokenFrom, idTokenFile, idTokenVariable, idTokenAudience } = given
  const ours = {
    '--trust': trust,
    '--id-token-from': idTokenFrom,
    '--id-token-file': idTokenFile,
    '--id-token-variable': idTokenVariable,
    '--id-token-audience': idTokenAudience,
  }
  const [stray] = ci
    ? Object.entries(others).filter(([, isGiven]) => isGiven)
    : Object.entries(ours).filter(([, value]) => value !== undefined)
  if (stray === undefined) return
  const [name] = stray
  if (!ci) refuse('usage-invalid', `${name} goes with --ci`, { next: 'add --ci, or leave it out' })
  refuse('usage-invalid', `${name} is not for --ci: the trust and the identity token say it`, {
    next: `leave out ${name}`,
  })
}
