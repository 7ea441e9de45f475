/** A token taken apart, offline and without zod; nothing of it is believed yet. */
export { parseToken } from '#domain/credential/token.ts'
