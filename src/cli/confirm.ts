import { refuse } from '#kernel/problem.ts'
import { text, toggle } from './flags.ts'
import type { Kit } from './kit.ts'

/** Every destructive command has these two; spread them into its flags. */
export const confirmationFlags = {
  yes: toggle('Do not ask; enough for all but severe steps', { short: 'y' }),
  confirm: text('Confirm a severe step by its phrase, as the question would show it', {
    placeholder: 'PHRASE',
  }),
}

export interface Confirmation {
  /** `moderate` asks y/N; `severe` asks to type the phrase. */
  readonly severity: 'moderate' | 'severe'
  readonly question: string
  readonly phrase: string
  readonly yes: boolean
  /** The value of `--confirm`. */
  readonly confirm: string | undefined
}

/**
 * Refuses `confirmation-required` where nobody can be asked and nothing was said on the command line.
 * Called before anything is resolved, so that a script learns it at once and not after a count.
 */
export function mustBeConfirmable(kit: Kit, given: Pick<Confirmation, 'yes' | 'confirm'>): void {
  if (given.yes || given.confirm !== undefined || kit.isInteractive) return
  refuse(
    'confirmation-required',
    'there is no terminal to ask on, and neither --yes nor --confirm',
    {
      next: 'add --yes, or --confirm PHRASE for a severe step',
    },
  )
}

/** Returns when it is confirmed. Refusals: `confirmation-required`, `declined`, `interrupted`. */
export async function confirm(kit: Kit, step: Confirmation): Promise<void> {
  mustBeConfirmable(kit, step)
  if (step.confirm !== undefined) return matchPhrase(step, step.confirm)
  if (step.severity === 'severe') return await typePhrase(kit, step)
  if (step.yes) return
  if (!(await kit.prompt.confirm({ message: step.question, initial: false }))) decline()
}

async function typePhrase(kit: Kit, step: Confirmation): Promise<void> {
  if (!kit.isInteractive) {
    refuse('confirmation-required', `this is severe, so --yes is not enough. ${step.question}`, {
      next: `add --confirm ${shellQuote(step.phrase)}`,
      facts: { phrase: step.phrase },
    })
  }
  kit.io.err(`${step.question}\n`)
  const typed = await kit.prompt.input({ message: `Type ${step.phrase} to go on:` })
  if (typed.trim() === '') decline()
  matchPhrase(step, typed)
}

function matchPhrase(step: Confirmation, given: string): void {
  if (given.trim() === step.phrase) return
  refuse('confirmation-required', `the phrase does not match; it is ${step.phrase}`, {
    next: `add --confirm ${shellQuote(step.phrase)}`,
    facts: { phrase: step.phrase },
  })
}

const decline = (): never => refuse('declined', 'nothing was done')

/** A word as a POSIX shell reads it back. */
export const shellQuote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
