import type { Credential } from '#domain/credential/credential.ts'
import type { CredentialSelection, Reading } from '#store/port.ts'
import type { Reader } from './reader.ts'

/** So many rows take some 10 ms, in which nobody else has a turn. */
const CHUNK = 1000

/**
 * Goes over everything that a selection selects, a chunk at a time, each chunk within the transaction
 * that read it. A list of a million ids is handed over a part at a time, and not whole for each chunk.
 */
export async function walkCredentials(
  read: Reader,
  { selector, afterId, ...rest }: Omit<CredentialSelection, 'limit'>,
  each: (chunk: readonly Credential[], tx: Reading) => void | Promise<void>,
): Promise<void> {
  const { tokens, ...others } = selector
  const selectors =
    tokens === undefined
      ? [selector]
      : Array.from({ length: Math.ceil(tokens.length / CHUNK) }, (_, i) => ({
          ...others,
          tokens: tokens.slice(i * CHUNK, (i + 1) * CHUNK),
        }))
  for (const part of selectors) {
    for (let last = afterId; ;) {
      const selection = { ...rest, selector: part, limit: CHUNK }
      const chunk = await read(async (tx) => {
        const found = await tx.selectCredentials(
          last === undefined ? selection : { ...selection, afterId: last },
        )
        await each(found, tx)
        return found
      })
      last = chunk.at(-1)?.id
      if (chunk.length < CHUNK || last === undefined) break
    }
  }
}
